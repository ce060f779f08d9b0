//! Slows down guessing: after some failures, the next attempt must wait, twice as long each time.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

use super::AuthError;
use crate::tenancy::Email;

/// Names that are remembered. When there are more, those that need not wait are forgotten, then all.
const MAX_REMEMBERED: usize = 20_000;
/// Longest wait, in milliseconds.
const MAX_WAIT_MS: u64 = 300_000;
/// Wait after the first failure that is too many, in milliseconds.
const FIRST_WAIT_MS: u64 = 1_000;
/// Without an attempt for this long, failures are forgotten, in milliseconds.
const FORGET_AFTER_MS: u64 = 3_600_000;

/// Failures that cost nothing. A person mistypes; many people may share an address; an account that is attacked from
/// many addresses slows down too, but late, so that nobody can easily lock its owner out.
const FREE_FOR_ACCOUNT_AND_ADDRESS: u32 = 5;
const FREE_FOR_ADDRESS: u32 = 50;
const FREE_FOR_ACCOUNT: u32 = 200;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    Both(Email, Option<IpAddr>),
    Address(IpAddr),
    Account(Email),
}

impl Name {
    fn free(&self) -> u32 {
        match self {
            Self::Both(..) => FREE_FOR_ACCOUNT_AND_ADDRESS,
            Self::Address(_) => FREE_FOR_ADDRESS,
            Self::Account(_) => FREE_FOR_ACCOUNT,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Tally {
    failures: u32,
    last_ms: u64,
}

impl Tally {
    fn wait_until_ms(self, free: u32) -> u64 {
        let Some(beyond) = self.failures.checked_sub(free) else { return 0 };
        let wait_ms = FIRST_WAIT_MS.checked_shl(beyond.min(20)).unwrap_or(MAX_WAIT_MS).min(MAX_WAIT_MS);
        self.last_ms + wait_ms
    }
}

/// Counts failures by account and by address.
#[derive(Default)]
pub(super) struct Backoff {
    tallies: Mutex<HashMap<Name, Tally>>,
}

impl Backoff {
    /// Counts an attempt as failed, before its password is checked, so that attempts at once count too.
    pub(super) fn attempt(&self, email: &Email, from: Option<IpAddr>, now_ms: u64) -> Result<(), AuthError> {
        let names = names(email, from);
        let mut tallies = self.tallies.lock();
        let until_ms = names
            .iter()
            .filter_map(|name| tallies.get(name).map(|tally| tally.wait_until_ms(name.free())))
            .max()
            .unwrap_or(0);
        if until_ms > now_ms {
            return Err(AuthError::TooManyAttempts { retry_after_s: (until_ms - now_ms).div_ceil(1_000) });
        }
        if tallies.len() + names.len() > MAX_REMEMBERED {
            tallies.retain(|name, tally| tally.wait_until_ms(name.free()) > now_ms);
        }
        if tallies.len() + names.len() > MAX_REMEMBERED {
            tallies.clear();
        }
        for name in names {
            let tally = tallies.entry(name).or_default();
            if now_ms.saturating_sub(tally.last_ms) > FORGET_AFTER_MS {
                tally.failures = 0;
            }
            *tally = Tally { failures: tally.failures.saturating_add(1), last_ms: now_ms };
        }
        Ok(())
    }

    /// Takes the count of an attempt back, since its password was right.
    pub(super) fn succeeded(&self, email: &Email, from: Option<IpAddr>) {
        let mut tallies = self.tallies.lock();
        for name in names(email, from) {
            if matches!(name, Name::Both(..)) {
                tallies.remove(&name);
            } else if let Some(tally) = tallies.get_mut(&name) {
                tally.failures = tally.failures.saturating_sub(1);
            }
        }
    }
}

fn names(email: &Email, from: Option<IpAddr>) -> Vec<Name> {
    let from = from.map(network);
    let mut names = vec![Name::Both(email.clone(), from), Name::Account(email.clone())];
    names.extend(from.map(Name::Address));
    names
}

/// One household of IPv6 has 2^64 addresses: they count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_sixth_guess_waits_longer_each_time_and_a_success_clears_it() {
        let backoff = Backoff::default();
        let email: Email = "a@b".parse().unwrap();
        let from = Some("192.0.2.1".parse().unwrap());
        for _ in 0..5 {
            backoff.attempt(&email, from, 0).unwrap();
        }
        for (now_ms, wait_s) in [(0, 1), (1_000, 2), (3_000, 4)] {
            let refused = backoff.attempt(&email, from, now_ms);
            if now_ms == 0 {
                assert!(matches!(refused, Err(AuthError::TooManyAttempts { retry_after_s: 1 })));
            } else {
                refused.unwrap();
                let next = backoff.attempt(&email, from, now_ms);
                assert!(
                    matches!(next, Err(AuthError::TooManyAttempts { retry_after_s }) if retry_after_s == wait_s)
                );
            }
        }
        backoff.succeeded(&email, from);
        backoff.attempt(&email, from, 3_000).unwrap();
    }

    #[test]
    fn another_address_is_not_slowed_down_by_a_few_failures() {
        let backoff = Backoff::default();
        let email: Email = "a@b".parse().unwrap();
        for _ in 0..6 {
            let _ = backoff.attempt(&email, Some("192.0.2.1".parse().unwrap()), 0);
        }
        backoff.attempt(&email, Some("192.0.2.2".parse().unwrap()), 0).unwrap();
    }

    #[test]
    fn it_stays_within_its_bound() {
        let backoff = Backoff::default();
        for number in 0..MAX_REMEMBERED {
            let email: Email = format!("{number}@b").parse().unwrap();
            backoff.attempt(&email, None, 0).unwrap();
        }
        assert!(backoff.tallies.lock().len() <= MAX_REMEMBERED);
    }
}
