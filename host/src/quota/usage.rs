//! What a tenant has used of what it may, for badges.

use super::keeper::now_ns;
use super::{Quota, Rate, Subject};
use crate::api::{UsageItem, UsageState};
use crate::auth::{Permit, act};
use crate::config::Plan;
use crate::store::StoreError;

impl Quota {
    /// Each bound of the tenant's plan, and how much of it is used. `active_runs` is the number of runs that go on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn usage(
        &self,
        permit: &Permit<act::UsageRead>,
        plan: &Plan,
        active_runs: usize,
    ) -> Result<Vec<UsageItem>, StoreError> {
        let rates = [
            (Rate::Requests, plan.requests_per_minute),
            (Rate::Runs, plan.runs_per_minute),
            (Rate::Uploads, plan.uploads_per_hour),
            (Rate::Workflows, plan.workflows_per_hour),
        ];
        let now_ns = now_ns(&self.inner.clock);
        let tenant = Subject::Tenant(permit.scope().tenant().clone());
        let mut items: Vec<UsageItem> = {
            let buckets = self.inner.rates.lock();
            let item = |(rate, limit): (Rate, u32)| {
                let (used, reset_s) = buckets.used(rate, &tenant, limit, now_ns);
                item(rate.as_str(), used, u64::from(limit), Some(reset_s))
            };
            rates.into_iter().map(item).collect()
        };
        let (runs, ends_s) = self.runs_of_month(permit.scope()).await?;
        items.push(item("runs_per_month", runs, plan.runs_per_month, Some(ends_s)));
        items.push(item("concurrent_runs", active_runs as u64, plan.concurrent_runs as u64, None));
        Ok(items)
    }
}

/// One line of the usage; a limit of 0 is none.
pub(crate) fn item(name: &str, used: u64, limit: u64, reset_s: Option<u64>) -> UsageItem {
    let limit = Some(limit).filter(|limit| *limit > 0);
    let percent = limit.map(|limit| used.saturating_mul(100) / limit);
    let state = match percent {
        Some(100..) => UsageState::Reached,
        Some(80..) => UsageState::Near,
        _ => UsageState::Ok,
    };
    let time = |seconds: u64| {
        let at = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX));
        at.map(|at| at.to_string()).ok()
    };
    let resets_at = reset_s.filter(|_| limit.is_some()).and_then(time);
    UsageItem { name: name.to_owned(), used, limit, percent, state, resets_at }
}
