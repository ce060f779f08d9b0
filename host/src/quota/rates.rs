//! Rates: so many within a minute or an hour.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::Add;
use std::str::FromStr;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use crate::ids::{PrincipalId, TenantId, UserId};

/// Buckets in memory. When there are more, full ones are forgotten, then any.
const MAX_BUCKETS: usize = 200_000;
const SECOND_NS: u64 = 1_000_000_000;

/// What happens at a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rate {
    /// Requests, a minute.
    Requests,
    /// Runs, a minute.
    Runs,
    /// Uploads of modules, an hour.
    Uploads,
    /// Workflow runs, an hour.
    Workflows,
    /// Attempts to sign in, a minute.
    SignIns,
}

impl Rate {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Requests, Self::Runs, Self::Uploads, Self::Workflows, Self::SignIns];

    /// The name in records, metrics and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests_per_minute",
            Self::Runs => "runs_per_minute",
            Self::Uploads => "uploads_per_hour",
            Self::Workflows => "workflows_per_hour",
            Self::SignIns => "sign_ins_per_minute",
        }
    }

    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Runs => "runs",
            Self::Uploads => "uploads",
            Self::Workflows => "workflow runs",
            Self::SignIns => "attempts to sign in",
        }
    }

    pub(super) fn per(self) -> &'static str {
        if self.period() == Duration::from_secs(60) { "a minute" } else { "an hour" }
    }

    fn period(self) -> Duration {
        match self {
            Self::Requests | Self::Runs | Self::SignIns => Duration::from_secs(60),
            Self::Uploads | Self::Workflows => Duration::from_secs(3_600),
        }
    }
}

impl FromStr for Rate {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|rate| rate.as_str() == text).ok_or(())
    }
}

/// Whose bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A tenant's, for all its principals together.
    Tenant(TenantId),
    /// One principal's within a tenant.
    Member(TenantId, PrincipalId),
    /// One principal's above tenants.
    Principal(UserId),
    /// An address's, before anybody is known.
    Address(IpAddr),
}

impl Subject {
    /// The bucket of an address. One household of IPv6 has 2^64 of them: they count as one.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// `tenant`, `principal` or `address`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tenant(_) => "tenant",
            Self::Member(..) | Self::Principal(_) => "principal",
            Self::Address(_) => "address",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => write!(f, "{tenant}"),
            Self::Member(tenant, user) => write!(f, "{tenant}/{user}"),
            Self::Principal(user) => write!(f, "{user}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl FromStr for Subject {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((tenant, user)) = text.split_once('/') {
            return Ok(Self::Member(tenant.parse().map_err(drop)?, user.parse().map_err(drop)?));
        }
        let tenant = text.parse().map(Self::Tenant).map_err(drop);
        let principal = || text.parse().map(Self::Principal).map_err(drop);
        tenant.or_else(|()| principal()).or_else(|()| text.parse().map(Self::Address).map_err(drop))
    }
}

/// What is left of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The bound.
    pub limit: u64,
    /// What is left of it now.
    pub remaining: u64,
    /// When all of it is there again, in seconds since the Unix epoch.
    pub reset_s: u64,
    /// When to try again, in seconds from now; 0 unless it was refused.
    pub retry_after_s: u64,
}

/// A bucket: the instant at which it will be full, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    pub(super) full_at_ns: u64,
    /// Differs from what was written.
    pub(super) dirty: bool,
    /// Was written at some time.
    pub(super) saved: bool,
}

/// All buckets.
#[derive(Default)]
pub(super) struct Rates {
    pub(super) buckets: HashMap<(Rate, Subject), Bucket>,
}

impl Rates {
    /// Takes one from each bucket, or from none. A limit of 0 is none. The allowance that is nearest to its end.
    pub(super) fn take(
        &mut self,
        rate: Rate,
        wanted: &[(Subject, u32)],
        now_ns: u64,
    ) -> Result<Option<Allowance>, (&'static str, Allowance)> {
        let mut taken: Vec<(Subject, Bucket)> = Vec::new();
        let mut least: Option<Allowance> = None;
        for (subject, limit) in wanted {
            let Some(limit) = NonZeroU32::new(*limit) else { continue };
            self.make_room(now_ns);
            let bucket = self.buckets.entry((rate, subject.clone())).or_default();
            let before = *bucket;
            match take_one(bucket, rate, limit, now_ns) {
                Ok(allowance) => {
                    taken.push((subject.clone(), before));
                    if least.is_none_or(|least| allowance.remaining < least.remaining) {
                        least = Some(allowance);
                    }
                }
                Err(allowance) => {
                    for (subject, before) in taken {
                        self.buckets.insert((rate, subject), before);
                    }
                    return Err((subject.kind(), allowance));
                }
            }
        }
        Ok(least)
    }

    /// How many were taken of a bucket and are not there again yet.
    pub(super) fn used(&self, rate: Rate, subject: &Subject, limit: u32, now_ns: u64) -> (u64, u64) {
        let full_at_ns = self.buckets.get(&(rate, subject.clone())).map_or(0, |bucket| bucket.full_at_ns);
        let Some(limit) = NonZeroU32::new(limit) else { return (0, 0) };
        let step_ns = nanos(rate.period() / limit.get()).max(1);
        let used = full_at_ns.saturating_sub(now_ns).div_ceil(step_ns).min(u64::from(limit.get()));
        (used, full_at_ns.max(now_ns).div_ceil(SECOND_NS))
    }

    fn make_room(&mut self, now_ns: u64) {
        if self.buckets.len() < MAX_BUCKETS {
            return;
        }
        self.buckets.retain(|_, bucket| bucket.full_at_ns > now_ns);
        if self.buckets.len() >= MAX_BUCKETS {
            self.buckets.clear();
        }
    }
}

fn take_one(bucket: &mut Bucket, rate: Rate, limit: NonZeroU32, now_ns: u64) -> Result<Allowance, Allowance> {
    // A clock that was set back must not lock anybody out for longer than a period.
    let most_ns = now_ns.saturating_add(nanos(rate.period()));
    let slot = Slot { full_at_ns: Cell::new(bucket.full_at_ns.min(most_ns)), now_ns };
    let step = (rate.period() / limit.get()).max(Duration::from_nanos(1));
    let Some(quota) = Quota::with_period(step) else { unreachable!("a step is never zero") };
    let quota = quota.allow_burst(limit);
    let limiter: RateLimiter<NotKeyed, Slot, At, StateInformationMiddleware> =
        RateLimiter::new(quota, slot, At(now_ns));
    let limit = u64::from(limit.get());
    match limiter.check() {
        Ok(state) => {
            bucket.full_at_ns = limiter.into_state_store().full_at_ns.get();
            bucket.dirty = true;
            let remaining = u64::from(state.remaining_burst_capacity()).min(limit);
            let reset_s = bucket.full_at_ns.div_ceil(SECOND_NS);
            Ok(Allowance { limit, remaining, reset_s, retry_after_s: 0 })
        }
        Err(refused) => {
            let wait_ns = nanos(refused.wait_time_from(At(now_ns)));
            let reset_s = bucket.full_at_ns.min(most_ns).div_ceil(SECOND_NS);
            let retry_after_s = wait_ns.div_ceil(SECOND_NS).max(1);
            Err(Allowance { limit, remaining: 0, reset_s, retry_after_s })
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// One bucket, as governor sees it: a limiter is made for each question, at the instant of the question.
struct Slot {
    full_at_ns: Cell<u64>,
    now_ns: u64,
}

impl StateStore for Slot {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // Governor counts from the limiter's beginning, which is now.
        let ahead_ns = self.full_at_ns.get().saturating_sub(self.now_ns);
        let (decision, ahead) = decide(Some(Nanos::from(ahead_ns)))?;
        self.full_at_ns.set(self.now_ns.saturating_add(ahead.as_u64()));
        Ok(decision)
    }
}

/// An instant, in nanoseconds since the Unix epoch, and a clock that stands still at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At(u64);

impl Add<Nanos> for At {
    type Output = Self;
    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for At {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.as_u64()).unwrap_or(self.0))
    }
}

impl Clock for At {
    type Instant = Self;
    fn now(&self) -> Self {
        *self
    }
}
