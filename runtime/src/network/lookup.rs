//! Look-ups of names: bounded in number and time, and answered alike for a while.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::address::unmapped;
use crate::budget::{Budget, Reservation, Resource};

/// Longest one look-up may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// For how long a run gets the same answer.
const ANSWER_LIFETIME: Duration = Duration::from_secs(30);
/// Look-ups of one run at a time.
const RUN_LOOKUPS_AT_A_TIME: usize = 4;
/// Names whose answers one run remembers.
const RUN_NAMES: usize = 256;
/// Addresses taken from one answer.
const ANSWER_ADDRESSES: usize = 64;

/// The future of [`Resolve::resolve`].
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + Sync>>;

/// Turns a name into addresses.
pub trait Resolve: Send + Sync + 'static {
    /// Looks a name up: lower case, no final dot, not an address. `thread` is the tenant's reservation of a thread of the
    /// host; it is to be held for as long as one works on the look-up, also when nobody waits for the answer any more.
    fn resolve(&self, name: &str, thread: Reservation) -> Resolving;
}

/// The resolver of the operating system. Each look-up holds a thread, so their number is bounded.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    threads: Arc<Semaphore>,
}

impl SystemResolver {
    /// Look-ups of a host at a time.
    pub const THREADS: usize = 32;

    /// With `threads` look-ups at a time; others wait.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self { threads: Arc::new(Semaphore::new(threads)) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new(Self::THREADS)
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str, thread: Reservation) -> Resolving {
        let (threads, name) = (Arc::clone(&self.threads), name.to_owned());
        Box::pin(async move {
            let permit = threads.acquire_owned().await.map_err(io::Error::other)?;
            let looked_up = tokio::task::spawn_blocking(move || {
                // Given back when the thread is, also when nobody waits for the answer any more.
                let _held = (permit, thread);
                let found = (name.as_str(), 0).to_socket_addrs()?;
                Ok(found.take(ANSWER_ADDRESSES).map(|address| address.ip()).collect())
            });
            looked_up.await.map_err(io::Error::other)?
        })
    }
}

/// A name could not be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookupFailure {
    /// There is no such name, or nobody who knows.
    Unknown,
    /// It took too long.
    Timeout,
}

struct Answer {
    at: Instant,
    addresses: Arc<[IpAddr]>,
}

/// The look-ups of one run.
pub(crate) struct Lookups {
    resolver: Arc<dyn Resolve>,
    budget: Budget,
    at_a_time: Semaphore,
    answers: Mutex<BTreeMap<String, Answer>>,
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolve>, budget: Budget) -> Self {
        let at_a_time = Semaphore::new(RUN_LOOKUPS_AT_A_TIME);
        Self { resolver, budget, at_a_time, answers: Mutex::default() }
    }

    /// The addresses of a name, each once; IPv4 written as IPv6 is IPv4. An answer holds for [`ANSWER_LIFETIME`], so that
    /// a guest connects to what it was told.
    pub(super) async fn resolve(&self, name: &str) -> Result<Arc<[IpAddr]>, LookupFailure> {
        if let Some(known) = self.known(name) {
            return Ok(known);
        }
        let asked = async {
            let _turn = self.at_a_time.acquire().await.map_err(io::Error::other)?;
            match self.known(name) {
                Some(known) => Ok(known),
                None => {
                    let thread = self.budget.reserved(Resource::HostThreads, 1).await;
                    let found = self.resolver.resolve(name, thread).await;
                    found.map(|found| self.remember(name, found))
                }
            }
        };
        match tokio::time::timeout(LOOKUP_TIMEOUT, asked).await {
            Err(_) => Err(LookupFailure::Timeout),
            Ok(Err(_)) => Err(LookupFailure::Unknown),
            Ok(Ok(addresses)) if addresses.is_empty() => Err(LookupFailure::Unknown),
            Ok(Ok(addresses)) => Ok(addresses),
        }
    }

    /// The names that were looked up and are still remembered.
    pub(super) fn names(&self) -> Vec<String> {
        self.answers.lock().keys().cloned().collect()
    }

    fn known(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        let answers = self.answers.lock();
        let answer = answers.get(name).filter(|answer| answer.at.elapsed() < ANSWER_LIFETIME)?;
        Some(Arc::clone(&answer.addresses))
    }

    fn remember(&self, name: &str, found: Vec<IpAddr>) -> Arc<[IpAddr]> {
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in found.into_iter().map(unmapped).take(ANSWER_ADDRESSES) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        let addresses: Arc<[IpAddr]> = addresses.into();
        let mut answers = self.answers.lock();
        if answers.len() >= RUN_NAMES && !answers.contains_key(name) {
            let oldest = answers.iter().min_by_key(|(_, answer)| answer.at).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| answers.remove(&oldest));
        }
        answers.insert(name.to_owned(), Answer { at: Instant::now(), addresses: Arc::clone(&addresses) });
        addresses
    }
}
