//! CPU time by tenant, for a bounded number of tenants: the first that used the most, and the sum of all others.

use std::collections::HashSet;

use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, Opts, Registry};

use crate::commands::Commands;
use crate::ids::TenantId;

/// Tenants with a label of their own. Once shown, a tenant stays, so that no counter runs backwards.
const MAX_TENANTS: usize = 100;
/// Stands for all others.
const OTHERS: &str = "others";

type Used = Box<dyn Fn() -> Vec<(TenantId, u64)> + Send + Sync>;

/// Shows CPU time by tenant.
pub struct TenantCollector {
    used: Used,
    shown: Mutex<HashSet<TenantId>>,
    descriptions: Vec<Desc>,
}

impl TenantCollector {
    /// Registers it.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn register(registry: &Registry, commands: &Commands) -> prometheus::Result<()> {
        let descriptions = family()?.desc().into_iter().cloned().collect();
        let used = Box::new(commands.cpu_by_tenant());
        registry.register(Box::new(Self { used, shown: Mutex::default(), descriptions }))
    }
}

impl Collector for TenantCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let used = (self.used)();
        // The same family was made once already, so it can be made again.
        let Ok(counter) = family() else { return Vec::new() };
        for (tenant, cpu_ns) in labelled(&mut self.shown.lock(), used) {
            #[expect(clippy::cast_precision_loss, reason = "seconds in a float are what Prometheus takes")]
            counter
                .with_label_values(&[tenant.as_ref().map_or(OTHERS, TenantId::as_str)])
                .inc_by(cpu_ns as f64 / 1e9);
        }
        counter.collect()
    }
}

fn family() -> prometheus::Result<CounterVec> {
    CounterVec::new(
        Opts::new("cloister_tenant_cpu_seconds_total", "CPU time of a tenant's guests since the start."),
        &["tenant"],
    )
}

/// Each tenant that is shown, and the sum of the others under `None`, if there are any.
fn labelled(shown: &mut HashSet<TenantId>, mut used: Vec<(TenantId, u64)>) -> Vec<(Option<TenantId>, u64)> {
    used.sort_by_key(|(_, cpu_ns)| std::cmp::Reverse(*cpu_ns));
    for (tenant, _) in &used {
        if shown.len() >= MAX_TENANTS {
            break;
        }
        shown.insert(tenant.clone());
    }
    let (of_shown, of_others): (Vec<_>, Vec<_>) =
        used.into_iter().partition(|(tenant, _)| shown.contains(tenant));
    let others = of_others.iter().map(|(_, cpu_ns)| cpu_ns).sum::<u64>();
    let rest = (!of_others.is_empty()).then_some((None, others));
    of_shown.into_iter().map(|(tenant, cpu_ns)| (Some(tenant), cpu_ns)).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn labels_are_bounded_and_a_tenant_that_is_shown_stays() {
        let clock = Clock::system();
        let all: Vec<_> = (0..150_u64).map(|cpu_ns| (TenantId::generate(&clock), cpu_ns)).collect();
        let mut shown = HashSet::new();
        let first = labelled(&mut shown, all.clone());
        assert_eq!(first.len(), MAX_TENANTS + 1);
        assert_eq!(first.last(), Some(&(None, (0..50).sum())));
        // The least becomes the greatest, and still has no label: its past is among the others.
        let later =
            all.iter().map(|(tenant, cpu_ns)| (tenant.clone(), cpu_ns + 1000 * u64::from(*cpu_ns == 0)));
        let later = labelled(&mut shown, later.collect());
        assert_eq!(later.len(), MAX_TENANTS + 1);
        assert!(!later.iter().any(|(tenant, _)| tenant.as_ref() == Some(&all[0].0)));
    }
}
