//! Egress rules: where a guest may connect to, checked on the address that is really used.
//!
//! A rule names a host and a port. The name is resolved here, at each connection, so that what a guest was told by a
//! resolver (or made up) does not matter: only an address that the granted name has now is let through. Addresses inside
//! the operator's own networks are refused whatever their name, unless the operator listed them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use wasmtime_wasi::sockets::SocketAddrUse;

/// One granted destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRule {
    /// A host name or an IP address.
    pub host: String,
    /// A port.
    pub port: u16,
}

/// An address range, as `10.0.0.0/8` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    address: IpAddr,
    prefix_bits: u8,
}

/// A text is not an address range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address range such as 10.0.0.0/8")]
pub struct InvalidRange(String);

impl FromStr for AddressRange {
    type Err = InvalidRange;
    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let invalid = || InvalidRange(text.chars().take(80).collect());
        let (address, bits) = text.split_once('/').ok_or_else(invalid)?;
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let prefix_bits: u8 = bits.parse().map_err(|_| invalid())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix_bits > most { Err(invalid()) } else { Ok(Self { address, prefix_bits }) }
    }
}

impl AddressRange {
    /// True for an address inside the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let shared = |one: u128, other: u128, width: u32| {
            let ignored = width - u32::from(self.prefix_bits);
            ignored == 128 || (one >> ignored) == (other >> ignored)
        };
        match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                let wide = |address: Ipv4Addr| u128::from(u32::from(address));
                shared(wide(one), wide(other), 32)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => shared(one.into(), other.into(), 128),
            _ => false,
        }
    }
}

/// Where one run may connect to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// The destinations.
    pub rules: Vec<EgressRule>,
    /// Ranges inside the operator's networks that rules may reach.
    pub private_ranges: Vec<AddressRange>,
}

impl Egress {
    /// Decides about one use of one address. Only outgoing connections are ever granted.
    pub(crate) async fn allows(self: Arc<Self>, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        match purpose {
            SocketAddrUse::TcpConnect | SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => {}
            // The wildcard is what the system binds to by itself on the way to a connection.
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => {
                return address.ip().is_unspecified() && address.port() == 0;
            }
            SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => return false,
        }
        let target = unmapped(address.ip());
        let inside = !is_public(target);
        if inside && !self.private_ranges.iter().any(|range| range.contains(target)) {
            return false;
        }
        for rule in self.rules.iter().filter(|rule| rule.port == address.port()) {
            if resolve(rule).await.contains(&target) {
                return true;
            }
        }
        false
    }
}

async fn resolve(rule: &EgressRule) -> Vec<IpAddr> {
    if let Ok(address) = rule.host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return vec![unmapped(address)];
    }
    match tokio::net::lookup_host((rule.host.as_str(), rule.port)).await {
        Ok(addresses) => addresses.map(|address| unmapped(address.ip())).collect(),
        Err(_) => Vec::new(),
    }
}

/// An IPv4 address that is written as IPv6 is that IPv4 address (RFC 4291, 2.5.5.2).
fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// True for addresses of the public Internet (IANA's special-purpose registries, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Shared address space (RFC 6598), IETF protocol assignments, 6to4 relays, benchmarking (RFC 2544).
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Only global unicast; of it, not what leads elsewhere: Teredo and other assignments (2001::/23), documentation, 6to4.
    // NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), loopback, unique local, link-local and multicast are all outside 2000::/3.
    let global_unicast = segments[0] & 0xe000 == 0x2000;
    let assigned = segments[0] == 0x2001 && segments[1] < 0x0200;
    let documentation = (segments[0] == 0x2001 && segments[1] == 0x0db8) || segments[0] & 0xfff0 == 0x3ff0;
    let six_to_four = segments[0] == 0x2002;
    global_unicast && !assigned && !documentation && !six_to_four
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(rules: &[(&str, u16)], private: &[&str]) -> Arc<Egress> {
        let rules = rules.iter().map(|(host, port)| EgressRule { host: (*host).to_owned(), port: *port });
        let private_ranges = private.iter().map(|range| range.parse().unwrap()).collect();
        Arc::new(Egress { rules: rules.collect(), private_ranges })
    }

    async fn connects(egress: &Arc<Egress>, address: &str) -> bool {
        Arc::clone(egress).allows(address.parse().unwrap(), SocketAddrUse::TcpConnect).await
    }

    #[test]
    fn special_addresses_are_not_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn ranges_are_read_and_compared_by_prefix() {
        let range: AddressRange = "10.1.0.0/16".parse().unwrap();
        assert!(range.contains("10.1.255.1".parse().unwrap()));
        assert!(!range.contains("10.2.0.1".parse().unwrap()));
        assert!("::/0".parse::<AddressRange>().unwrap().contains("::1".parse().unwrap()));
        assert!(!"0.0.0.0/0".parse::<AddressRange>().unwrap().contains("::1".parse().unwrap()));
        for text in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn only_granted_hosts_and_ports_are_reached() {
        let granted = egress(&[("93.184.216.34", 443)], &[]);
        assert!(connects(&granted, "93.184.216.34:443").await);
        assert!(connects(&granted, "[::ffff:93.184.216.34]:443").await);
        assert!(!connects(&granted, "93.184.216.34:80").await);
        assert!(!connects(&granted, "1.1.1.1:443").await);
        let listens =
            Arc::clone(&granted).allows("0.0.0.0:0".parse().unwrap(), SocketAddrUse::TcpListen).await;
        assert!(!listens);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_unless_the_operator_listed_the_range() {
        let tricked = egress(&[("localhost", 80), ("169.254.169.254", 80), ("::ffff:127.0.0.1", 80)], &[]);
        for address in ["127.0.0.1:80", "[::1]:80", "169.254.169.254:80", "[::ffff:127.0.0.1]:80"] {
            assert!(!connects(&tricked, address).await, "{address}");
        }
        let listed = egress(&[("127.0.0.1", 80)], &["127.0.0.0/8"]);
        assert!(connects(&listed, "127.0.0.1:80").await);
        assert!(!connects(&listed, "127.0.0.2:80").await);
    }
}
