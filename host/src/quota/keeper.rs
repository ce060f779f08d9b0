//! Asks the buckets and counts, and writes what changed a second later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::IntCounterVec;
use tokio_util::sync::CancellationToken;

use super::levels::Levels;
use super::month::{Month, month_of};
use super::rates::{Bucket, Rates};
use super::{Allowance, QuotaError, Rate, Subject};
use crate::audit::Audit;
use crate::auth::{Member, Permit, TenantScope, act};
use crate::clock::Clock;
use crate::config::Plan;
use crate::ids::{TenantId, UserId};
use crate::store::{MonthRecord, Store, StoreError};

/// Between two writes of what changed.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Buckets that are read at start; those beyond start full.
const MAX_LOADED: usize = 200_000;
/// A bucket that will be full sooner than this need not be written, in nanoseconds.
const NOT_WORTH_NS: u64 = 2_000_000_000;
/// Tenants whose month is kept in memory; what is written may be read again.
const MAX_MONTHS: usize = 50_000;

/// Rates and counts of everybody. Cheap to clone.
#[derive(Clone)]
pub struct Quota {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) audit: Audit,
    pub(super) rates: Mutex<Rates>,
    months: Mutex<HashMap<TenantId, Month>>,
    pub(super) levels: Mutex<Levels>,
    denied: IntCounterVec,
    pub(super) warnings: IntCounterVec,
}

impl Quota {
    /// Reads the buckets that were not full. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(
        store: Store,
        clock: Clock,
        audit: Audit,
        denied: IntCounterVec,
        warnings: IntCounterVec,
    ) -> Result<Self, StoreError> {
        let mut rates = Rates::default();
        let now_ns = now_ns(&clock);
        for (rate, subject, full_at_ns) in store.reader_blocking().buckets(MAX_LOADED)? {
            if let (Ok(rate), Ok(subject)) = (rate.parse(), subject.parse()) {
                rates.buckets.insert((rate, subject), Bucket { full_at_ns, dirty: false, saved: true });
            }
        }
        tracing::debug!(buckets = rates.buckets.len(), now_ns, "read the rates");
        let inner = Inner {
            store,
            clock,
            audit,
            rates: Mutex::new(rates),
            months: Mutex::default(),
            levels: Mutex::default(),
            denied,
            warnings,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A member sends a request.
    ///
    /// # Errors
    /// When there were too many, of them or of their tenant.
    pub fn request(&self, member: &Member) -> Result<Option<Allowance>, QuotaError> {
        let (tenant, plan) = (member.scope().tenant().clone(), member.limits());
        let wanted = [
            (
                Subject::Member(tenant.clone(), member.caller().principal()),
                plan.requests_per_minute_principal,
            ),
            (Subject::Tenant(tenant), plan.requests_per_minute),
        ];
        self.take(Rate::Requests, &wanted)
    }

    /// A principal sends a request above tenants.
    ///
    /// # Errors
    /// When there were too many.
    pub fn request_above_tenants(&self, user: &UserId, limit: u32) -> Result<Option<Allowance>, QuotaError> {
        self.take(Rate::Requests, &[(Subject::Principal(user.clone()), limit)])
    }

    /// Somebody tries to sign in from an address.
    ///
    /// # Errors
    /// When there were too many from there.
    pub fn sign_in(&self, address: std::net::IpAddr, limit: u32) -> Result<Option<Allowance>, QuotaError> {
        self.take(Rate::SignIns, &[(Subject::address(address), limit)])
    }

    /// A module is uploaded.
    ///
    /// # Errors
    /// When there were too many.
    pub fn upload(&self, permit: &Permit<act::ModuleUpload>) -> Result<(), QuotaError> {
        let subject = Subject::Tenant(permit.scope().tenant().clone());
        self.take(Rate::Uploads, &[(subject, permit.limits().uploads_per_hour)]).map(drop)
    }

    /// A workflow is started.
    ///
    /// # Errors
    /// When there were too many.
    pub fn workflow(&self, scope: &TenantScope, plan: &Plan) -> Result<(), QuotaError> {
        let subject = Subject::Tenant(scope.tenant().clone());
        self.take(Rate::Workflows, &[(subject, plan.workflows_per_hour)]).map(drop)
    }

    /// A run is started: counts it in the minute and in the month, or in neither.
    ///
    /// # Errors
    /// When there were too many.
    pub async fn run(&self, permit: &Permit<act::RunCreate>, plan: &Plan) -> Result<(), QuotaError> {
        let tenant = permit.scope().tenant();
        let (month, ends_s) = month_of(self.inner.clock.now());
        self.load_month(permit.scope(), &month).await?;
        let wanted = [
            (Subject::Member(tenant.clone(), permit.principal().clone()), plan.runs_per_minute_principal),
            (Subject::Tenant(tenant.clone()), plan.runs_per_minute),
        ];
        let warning = {
            let mut months = self.inner.months.lock();
            let count = months.entry(tenant.clone()).or_insert_with(|| Month::new(&month));
            if plan.runs_per_month > 0 && count.runs >= plan.runs_per_month {
                self.inner.denied.with_label_values(&["runs_per_month", "tenant"]).inc();
                return Err(QuotaError::Month { allowance: self.used_up(plan.runs_per_month, ends_s) });
            }
            self.take(Rate::Runs, &wanted)?;
            count.runs += 1;
            count.dirty = true;
            count.warning(plan.runs_per_month)
        };
        if let Some(percent) = warning {
            self.warn(tenant, "runs_per_month", percent, plan.runs_per_month).await;
        }
        Ok(())
    }

    /// Runs of this month so far, and when it ends, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn runs_of_month(&self, scope: &TenantScope) -> Result<(u64, u64), StoreError> {
        let (month, ends_s) = month_of(self.inner.clock.now());
        self.load_month(scope, &month).await?;
        let months = self.inner.months.lock();
        Ok((months.get(scope.tenant()).map_or(0, |count| count.runs), ends_s))
    }

    fn used_up(&self, limit: u64, reset_s: u64) -> Allowance {
        let now_s = self.inner.clock.unix_ms() / 1_000;
        Allowance { limit, remaining: 0, reset_s, retry_after_s: reset_s.saturating_sub(now_s).max(1) }
    }

    fn take(&self, rate: Rate, wanted: &[(Subject, u32)]) -> Result<Option<Allowance>, QuotaError> {
        let now_ns = now_ns(&self.inner.clock);
        let taken = self.inner.rates.lock().take(rate, wanted, now_ns);
        let left =
            taken.as_ref().map_or(Some(0), |least| least.map(|least| least.remaining * 5 / least.limit));
        if left == Some(0) {
            self.observe_rate(rate, wanted, now_ns);
        }
        taken.map_err(|(subject, allowance)| {
            self.inner.denied.with_label_values(&[rate.as_str(), subject]).inc();
            QuotaError::Rate { rate, subject, allowance }
        })
    }

    /// Has the count of this month in memory, read from the store the first time.
    async fn load_month(&self, scope: &TenantScope, month: &str) -> Result<(), StoreError> {
        if self.inner.months.lock().get(scope.tenant()).is_some_and(|known| known.name == month) {
            return Ok(());
        }
        let (of, name) = (scope.clone(), month.to_owned());
        let found = self.inner.store.read::<_, StoreError, _>(move |reader| reader.month(&of, &name)).await?;
        let found = found.unwrap_or_default();
        let mut months = self.inner.months.lock();
        if months.len() >= MAX_MONTHS {
            months.retain(|_, known| known.dirty);
        }
        // Whoever came first has counted since.
        if months.get(scope.tenant()).is_none_or(|known| known.name != month) {
            let loaded = Month { runs: found.runs, warned: found.warned, ..Month::new(month) };
            months.insert(scope.tenant().clone(), loaded);
        }
        Ok(())
    }

    /// Writes what changes, until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(WRITE_EVERY) => {}
                () = stop.cancelled() => {}
            }
            if let Err(error) = self.write().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "rates and counts could not be written"
                );
            }
        }
    }

    /// Writes what changed since the last time. The store makes it durable within half a second.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn write(&self) -> Result<(), StoreError> {
        let (buckets, gone) = self.changed_buckets();
        let months = self.changed_months();
        let warned = self.inner.levels.lock().changed();
        if buckets.is_empty() && gone.is_empty() && months.is_empty() && warned.is_empty() {
            return Ok(());
        }
        self.inner
            .store
            .write_soon::<_, StoreError, _>(move |writer| {
                for ((rate, subject), full_at_ns) in buckets {
                    writer.put_bucket(rate.as_str(), &subject.to_string(), full_at_ns)?;
                }
                for (rate, subject) in gone {
                    writer.remove_bucket(rate.as_str(), &subject.to_string());
                }
                for (tenant, name, record) in months {
                    writer.put_month(&tenant, &name, &record)?;
                }
                for (tenant, record) in warned {
                    writer.put_warned(&tenant, &record)?;
                }
                Ok(())
            })
            .await
    }

    #[expect(clippy::type_complexity, reason = "two lists for one caller")]
    fn changed_buckets(&self) -> (Vec<((Rate, Subject), u64)>, Vec<(Rate, Subject)>) {
        let now_ns = now_ns(&self.inner.clock);
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        self.inner.rates.lock().buckets.retain(|key, bucket| {
            if bucket.full_at_ns <= now_ns {
                if bucket.saved {
                    gone.push(key.clone());
                }
                return false;
            }
            if bucket.dirty && bucket.full_at_ns > now_ns + NOT_WORTH_NS {
                (bucket.dirty, bucket.saved) = (false, true);
                changed.push((key.clone(), bucket.full_at_ns));
            }
            true
        });
        (changed, gone)
    }

    fn changed_months(&self) -> Vec<(TenantId, String, MonthRecord)> {
        let mut months = self.inner.months.lock();
        let changed = months.iter_mut().filter(|(_, month)| month.dirty);
        let record = |(tenant, month): (&TenantId, &mut Month)| {
            month.dirty = false;
            let record = MonthRecord { runs: month.runs, warned: month.warned };
            (tenant.clone(), month.name.clone(), record)
        };
        changed.map(record).collect()
    }
}

pub(super) fn now_ns(clock: &Clock) -> u64 {
    clock.unix_us().saturating_mul(1_000)
}
