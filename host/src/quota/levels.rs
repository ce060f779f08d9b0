//! What tenants were warned of: each bound once on its way up, and again only after it was far from it.

use std::collections::{BTreeMap, HashMap};

use super::month::WARN_AT;
use super::{Quota, Rate, Subject};
use crate::audit::{Chain, Event};
use crate::auth::TenantScope;
use crate::ids::TenantId;
use crate::store::{StoreError, WarnedRecord};

/// Tenants that are remembered; what is written may be read again.
const MAX_TENANTS: usize = 50_000;
/// Between two warnings of the same rate, in nanoseconds: buckets fill and drain by the second.
const RATE_AGAIN_NS: u64 = 3_600_000_000_000;

/// The highest threshold that `used` of `limit` has passed, in percent; 0 below all. A limit of 0 is none.
pub(super) fn passed(used: u64, limit: u64) -> u8 {
    let has = |percent: &u8| used.saturating_mul(100) >= limit.saturating_mul(u64::from(*percent));
    WARN_AT.into_iter().rev().find(has).filter(|_| limit > 0).unwrap_or(0)
}

/// What one tenant was warned of, by bound, in percent.
#[derive(Default)]
struct Warned {
    highest: BTreeMap<String, u8>,
    dirty: bool,
}

/// What all tenants were warned of.
#[derive(Default)]
pub(super) struct Levels {
    tenants: HashMap<TenantId, Warned>,
    /// Rates are not written: they are forgotten sooner than hosts restart.
    rates: HashMap<(TenantId, Rate), (u8, u64)>,
}

impl Levels {
    /// The threshold that is newly passed; `None` too when the tenant's warnings are not known yet.
    fn passes(&mut self, tenant: &TenantId, bound: &str, percent: u8) -> Option<u8> {
        let warned = self.tenants.get_mut(tenant)?;
        let before = warned.highest.get(bound).copied().unwrap_or(0);
        // Between the thresholds nothing is forgotten, so that one who goes up and down around one hears of it once.
        if percent == 0 && before > 0 {
            warned.highest.remove(bound);
            warned.dirty = true;
        }
        if percent <= before {
            return None;
        }
        warned.highest.insert(bound.to_owned(), percent);
        warned.dirty = true;
        Some(percent)
    }

    fn rate_passes(&mut self, tenant: &TenantId, rate: Rate, percent: u8, now_ns: u64) -> Option<u8> {
        if self.rates.len() >= MAX_TENANTS {
            self.rates.retain(|_, (_, until_ns)| *until_ns > now_ns);
        }
        let (before, until_ns) = self.rates.get(&(tenant.clone(), rate)).copied().unwrap_or_default();
        if percent <= before && now_ns < until_ns {
            return None;
        }
        self.rates.insert((tenant.clone(), rate), (percent, now_ns.saturating_add(RATE_AGAIN_NS)));
        Some(percent)
    }

    /// What changed since the last call.
    pub(super) fn changed(&mut self) -> Vec<(TenantId, WarnedRecord)> {
        let changed = self.tenants.iter_mut().filter(|(_, warned)| warned.dirty);
        let record = |(tenant, warned): (&TenantId, &mut Warned)| {
            warned.dirty = false;
            (tenant.clone(), WarnedRecord { highest: warned.highest.clone() })
        };
        changed.map(record).collect()
    }

    /// Forgets a tenant that is gone.
    pub(super) fn forget(&mut self, tenant: &TenantId) {
        self.tenants.remove(tenant);
        self.rates.retain(|(of, _), _| of != tenant);
    }
}

impl Quota {
    /// Looks at how much of a bound a tenant uses, and warns of what it newly passed.
    pub async fn observe(&self, scope: &TenantScope, bound: &'static str, used: u64, limit: u64) {
        let percent = passed(used, limit);
        if let Err(error) = self.load_warned(scope).await {
            tracing::error!(%error, "what a tenant was warned of cannot be read");
            return;
        }
        let newly = self.inner.levels.lock().passes(scope.tenant(), bound, percent);
        if let Some(percent) = newly {
            self.warn(scope.tenant(), bound, percent, limit).await;
        }
    }

    /// As [`Quota::observe`] for a tenant's rate that was just asked. Nobody waits for it.
    pub(super) fn observe_rate(&self, rate: Rate, wanted: &[(Subject, u32)], now_ns: u64) {
        for (subject, limit) in wanted {
            let Subject::Tenant(tenant) = subject else { continue };
            let (used, _) = self.inner.rates.lock().used(rate, subject, *limit, now_ns);
            let percent = passed(used, u64::from(*limit));
            if percent == 0 {
                continue;
            }
            let newly = self.inner.levels.lock().rate_passes(tenant, rate, percent, now_ns);
            if let (Some(percent), Ok(runtime)) = (newly, tokio::runtime::Handle::try_current()) {
                let (quota, tenant, limit) = (self.clone(), tenant.clone(), u64::from(*limit));
                runtime.spawn(async move { quota.warn(&tenant, rate.as_str(), percent, limit).await });
            }
        }
    }

    /// Says it where people and machines look: in the tenant's audit, as a metric, and in the host's log.
    pub(super) async fn warn(&self, tenant: &TenantId, bound: &str, percent: u8, limit: u64) {
        self.inner.warnings.with_label_values(&[bound, &percent.to_string()]).inc();
        tracing::warn!(%tenant, bound, percent, limit, "a tenant nears a bound");
        let mut event = Event::of_host("quota:warning", bound);
        event.detail = Some(format!("{percent} % of {limit} are used"));
        if let Err(error) = self.inner.audit.record(Chain::Tenant(tenant.clone()), event).await {
            tracing::error!(%error, "a warning is not in the audit");
        }
    }

    /// Forgets a tenant that is gone.
    pub fn forget(&self, scope: &TenantScope) {
        self.inner.levels.lock().forget(scope.tenant());
    }

    async fn load_warned(&self, scope: &TenantScope) -> Result<(), StoreError> {
        if self.inner.levels.lock().tenants.contains_key(scope.tenant()) {
            return Ok(());
        }
        let of = scope.clone();
        let found = self.inner.store.read::<_, StoreError, _>(move |reader| reader.warned(&of)).await?;
        let mut levels = self.inner.levels.lock();
        if levels.tenants.len() >= MAX_TENANTS {
            levels.tenants.retain(|_, known| known.dirty);
        }
        let loaded = Warned { highest: found.unwrap_or_default().highest, dirty: false };
        // Whoever came first has counted since.
        levels.tenants.entry(scope.tenant().clone()).or_insert(loaded);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> TenantId {
        "ten_01arz3ndektsv4rrffq69g5fav".parse().unwrap()
    }

    #[test]
    fn thresholds_are_passed_at_their_percent_and_not_before() {
        for (used, limit, percent) in [
            (0, 10, 0),
            (7, 10, 0),
            (8, 10, 80),
            (9, 10, 80),
            (10, 10, 100),
            (99, 10, 100),
            (79_999, 100_000, 0),
            (u64::MAX, u64::MAX, 100),
            (5, 0, 0),
            (0, 0, 0),
        ] {
            assert_eq!(passed(used, limit), percent, "{used} of {limit}");
        }
    }

    #[test]
    fn a_threshold_is_told_once_until_all_is_far_again() {
        let mut levels = Levels::default();
        assert_eq!(levels.passes(&tenant(), "modules", 80), None, "not known yet");
        levels.tenants.insert(tenant(), Warned::default());
        for (percent, told) in [
            (0, None),
            (80, Some(80)),
            (80, None),
            (100, Some(100)),
            (80, None),
            (100, None),
            (0, None),
            (100, Some(100)),
            (80, None),
            (0, None),
            (80, Some(80)),
        ] {
            assert_eq!(levels.passes(&tenant(), "modules", percent), told);
        }
        assert_eq!(levels.passes(&tenant(), "deployments", 80), Some(80), "each bound has its own");
        assert_eq!(levels.changed().len(), 1);
        assert!(levels.changed().is_empty());
    }

    #[test]
    fn a_rate_is_told_once_an_hour() {
        let mut levels = Levels::default();
        let mut told = |percent, now_ns| levels.rate_passes(&tenant(), Rate::Requests, percent, now_ns);
        assert_eq!(told(80, 0), Some(80));
        assert_eq!(told(80, 1), None);
        assert_eq!(told(100, 2), Some(100));
        assert_eq!(told(80, RATE_AGAIN_NS), None);
        assert_eq!(told(80, RATE_AGAIN_NS + 2), Some(80));
    }
}
