//! What tenants' runs use, read from their budgets at each scrape: sums, and a gauge for each tenant that uses something.

use cloister_runtime::Resource;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};

use crate::commands::InUse;

/// Tenants shown at most, those with most memory first; the sums are of all.
const SHOWN_TENANTS: usize = 200;

/// Shows budgets. A tenant's gauges are gone with its last run, so that there are never more than runs.
pub struct TenantCollector {
    in_use: InUse,
    descriptions: Vec<Desc>,
}

impl TenantCollector {
    /// Registers it.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(registry: &Registry, in_use: InUse) -> prometheus::Result<()> {
        let gauges = Gauges::new()?;
        let descriptions = gauges.all().iter().flat_map(|gauge| gauge.desc()).cloned().collect();
        registry.register(Box::new(Self { in_use, descriptions }))
    }
}

impl Collector for TenantCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // The same names were made once already, so they can be made again.
        let Ok(gauges) = Gauges::new() else { return Vec::new() };
        let mut budgets = self.in_use.budgets();
        budgets.sort_by_key(|(_, budget)| std::cmp::Reverse(budget.usage(Resource::Memory).used));
        for (place, (tenant, budget)) in budgets.iter().enumerate() {
            for resource in Resource::ALL {
                let usage = budget.usage(resource);
                let used = i64::try_from(usage.used).unwrap_or(i64::MAX);
                gauges.sum.with_label_values(&[resource.name()]).add(used);
                if place < SHOWN_TENANTS {
                    let labels = [tenant.as_str(), resource.name()];
                    gauges.used.with_label_values(&labels).set(used);
                    gauges.ratio.with_label_values(&labels).set(ratio(usage.used, usage.limit));
                }
            }
        }
        gauges.all().iter().flat_map(|gauge| gauge.collect()).collect()
    }
}

struct Gauges {
    sum: IntGaugeVec,
    used: IntGaugeVec,
    ratio: GaugeVec,
}

impl Gauges {
    fn new() -> prometheus::Result<Self> {
        let labels = &["tenant", "resource"];
        let gauges = Self {
            sum: IntGaugeVec::new(
                Opts::new("cloister_budget_used", "What runs of all tenants use, by resource."),
                &["resource"],
            )?,
            used: IntGaugeVec::new(
                Opts::new("cloister_tenant_budget_used", "What a tenant's runs use together, by resource."),
                labels,
            )?,
            ratio: GaugeVec::new(
                Opts::new("cloister_tenant_budget_ratio", "The part of its budget that a tenant's runs use."),
                labels,
            )?,
        };
        for resource in Resource::ALL {
            gauges.sum.with_label_values(&[resource.name()]).set(0);
        }
        Ok(gauges)
    }

    fn all(&self) -> [&dyn Collector; 3] {
        [&self.sum, &self.used, &self.ratio]
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people and alerts")]
fn ratio(used: u64, limit: u64) -> f64 {
    if limit == 0 { 0.0 } else { used as f64 / limit as f64 }
}
