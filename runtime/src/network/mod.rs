//! Egress rules: where a guest may connect to, checked on the address that is really used.
//!
//! A rule names a host and a port. Names are looked up here, so that what a guest was told by a resolver (or made up)
//! does not matter: only an address that a granted name has is let through, and HTTP connects to the very address that
//! was checked. Addresses inside the operator's own networks are refused whatever their name, unless the operator listed
//! them. Sockets, outgoing HTTP and name look-ups all ask [`Egress::permits`] or [`Egress::names`].

mod address;
mod host;
mod lookup;
pub(crate) mod names;
pub(crate) mod sockets;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi::sockets::SocketAddrUse;

pub use self::address::{AddressRange, InvalidRange};
use self::address::{is_reachable, unmapped};
pub use self::host::{Host, HostPattern, InvalidHost};
pub(crate) use self::lookup::LookupFailure;
use self::lookup::Lookups;
pub use self::lookup::{Resolve, Resolving, SystemResolver};
pub(crate) use self::sockets::OpenSockets;
use crate::budget::{Budget, Reservation, Resource};
use crate::grant::NetworkGrant;
use crate::http::{SecretHeader, Trust};

/// HTTP connections of one run at a time.
const MAX_CONNECTIONS: usize = 16;

/// One granted destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRule {
    /// The host, or all hosts below a name.
    pub host: HostPattern,
    /// A port.
    pub port: u16,
}

/// Where one run may connect to.
#[derive(Clone)]
pub struct Egress {
    /// The destinations.
    pub rules: Vec<EgressRule>,
    /// Ranges inside the operator's networks that rules may reach.
    pub private_ranges: Vec<AddressRange>,
    /// Secrets that the host fills into requests to granted hosts.
    pub headers: Vec<SecretHeader>,
    /// Turns names into addresses.
    pub resolver: Arc<dyn Resolve>,
    /// Whose certificates HTTPS accepts; `None`: those of the public web.
    pub trust: Option<Trust>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Egress {
    /// These destinations, looked up by `resolver`; no private range, no secret.
    #[must_use]
    pub fn new(rules: Vec<EgressRule>, resolver: Arc<dyn Resolve>) -> Self {
        Self { rules, private_ranges: Vec::new(), headers: Vec::new(), resolver, trust: None }
    }

    /// The one decision: may a guest reach this address, which the named host has?
    fn permits(&self, host: &Host, address: SocketAddr) -> bool {
        let granted = self.rules.iter().any(|rule| rule.port == address.port() && rule.host.matches(host));
        granted && is_reachable(address.ip(), &self.private_ranges)
    }

    /// May a guest learn the addresses of this host?
    fn names(&self, host: &Host) -> bool {
        self.rules.iter().any(|rule| rule.host.matches(host))
    }
}

/// Why a guest does not get to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No rule names the host and port.
    NotGranted,
    /// Every address of the host is one that guests must not reach.
    Prohibited,
    /// The name could not be looked up.
    Lookup(LookupFailure),
}

/// The network as one run sees it.
pub(crate) struct GuestNetwork {
    grant: NetworkGrant,
    lookups: Lookups,
    connections: Arc<Semaphore>,
    budget: Budget,
    /// Bytes of outgoing HTTP on the wire.
    pub(crate) traffic: Arc<Traffic>,
}

/// Bytes that went over connections.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
}

impl Traffic {
    /// Sent and received.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.sent_bytes.load(Ordering::Relaxed), self.received_bytes.load(Ordering::Relaxed))
    }
}

impl GuestNetwork {
    /// What a grant opens, within the budget of the run's tenant.
    pub(crate) fn new(grant: NetworkGrant, budget: Budget) -> Arc<Self> {
        let resolver = match &grant {
            NetworkGrant::Egress(egress) => Arc::clone(&egress.resolver),
            NetworkGrant::Denied | NetworkGrant::Unrestricted => Arc::new(SystemResolver::default()) as _,
        };
        Arc::new(Self {
            grant,
            lookups: Lookups::new(resolver, budget.clone()),
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            budget,
            traffic: Arc::default(),
        })
    }

    pub(crate) fn is_denied(&self) -> bool {
        matches!(self.grant, NetworkGrant::Denied)
    }

    /// The rules, when there are any to keep to.
    pub(crate) fn egress(&self) -> Option<&Egress> {
        match &self.grant {
            NetworkGrant::Egress(egress) => Some(egress),
            NetworkGrant::Denied | NetworkGrant::Unrestricted => None,
        }
    }

    /// A place among the run's HTTP connections and its tenant's descriptors, held while one is open; `None` when all
    /// are taken.
    pub(crate) fn connection(&self) -> Option<(OwnedSemaphorePermit, Reservation)> {
        let place = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        Some((place, self.budget.reserve(Resource::OpenFiles, 1).ok()?))
    }

    /// Decides about one use of one address by a socket. Only outgoing connections are ever granted.
    pub(crate) async fn allows(self: Arc<Self>, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        let egress = match &self.grant {
            NetworkGrant::Denied => return false,
            NetworkGrant::Unrestricted => return true,
            NetworkGrant::Egress(egress) => egress,
        };
        match purpose {
            SocketAddrUse::TcpConnect | SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => {}
            // The wildcard is what the system binds to by itself on the way to a connection.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => {
                return address.ip().is_unspecified() && address.port() == 0;
            }
            SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => return false,
        }
        let target = SocketAddr::new(unmapped(address.ip()), address.port());
        if !is_reachable(target.ip(), &egress.private_ranges) {
            return false;
        }
        for host in self.candidates(egress, target.port()) {
            if egress.permits(&host, target) && self.leads_to(&host, target.ip()).await {
                return true;
            }
        }
        false
    }

    /// Hosts that a connection to this port may be meant for; below a wildcard, those that the guest looked up.
    fn candidates(&self, egress: &Egress, port: u16) -> Vec<Host> {
        let mut hosts = Vec::new();
        for rule in egress.rules.iter().filter(|rule| rule.port == port) {
            match &rule.host {
                HostPattern::Exact(host) => hosts.push(host.clone()),
                pattern @ HostPattern::Below(_) => {
                    let looked_up = self.lookups.names().into_iter().map(Host::Name);
                    hosts.extend(looked_up.filter(|host| pattern.matches(host)));
                }
            }
        }
        hosts
    }

    async fn leads_to(&self, host: &Host, target: IpAddr) -> bool {
        match host {
            Host::Address(address) => *address == target,
            Host::Name(name) => {
                self.lookups.resolve(name).await.is_ok_and(|addresses| addresses.contains(&target))
            }
        }
    }

    /// The addresses to connect to for a host and port: looked up once, each checked.
    pub(crate) async fn route(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
        let granted = match &self.grant {
            NetworkGrant::Denied => false,
            NetworkGrant::Unrestricted => true,
            NetworkGrant::Egress(egress) => {
                egress.rules.iter().any(|rule| rule.port == port && rule.host.matches(host))
            }
        };
        if !granted {
            return Err(Refusal::NotGranted);
        }
        let addresses = self.addresses(host).await.map_err(Refusal::Lookup)?;
        let mut targets: Vec<_> =
            addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        if let Some(egress) = self.egress() {
            targets.retain(|target| egress.permits(host, *target));
        }
        if targets.is_empty() { Err(Refusal::Prohibited) } else { Ok(targets) }
    }

    /// May the guest ask for the addresses of this host?
    pub(crate) fn may_look_up(&self, host: &Host) -> bool {
        match &self.grant {
            NetworkGrant::Denied => false,
            NetworkGrant::Unrestricted => true,
            NetworkGrant::Egress(egress) => egress.names(host),
        }
    }

    /// The addresses of a host that the guest may look up.
    pub(crate) async fn addresses(&self, host: &Host) -> Result<Vec<IpAddr>, LookupFailure> {
        match host {
            Host::Address(address) => Ok(vec![*address]),
            Host::Name(name) => self.lookups.resolve(name).await.map(|addresses| addresses.to_vec()),
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
