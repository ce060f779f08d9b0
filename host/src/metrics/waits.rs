//! How long guests wait for their slices, as a histogram that is kept by the scheduler and shown at each scrape.

use std::collections::HashMap;
use std::sync::Arc;

use cloister_runtime::{Runtime, WAIT_BOUNDS_US, Waits};
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, Metric, MetricFamily, MetricType};

const NAME: &str = "cloister_scheduler_wait_seconds";
const HELP: &str = "Time guests waited for a slice.";

/// Shows the scheduler's waits.
pub struct WaitCollector {
    runtime: Arc<Runtime>,
    description: Desc,
}

impl WaitCollector {
    /// Registers it.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn register(registry: &Registry, runtime: Arc<Runtime>) -> prometheus::Result<()> {
        let description = Desc::new(NAME.to_owned(), HELP.to_owned(), Vec::new(), HashMap::new())?;
        registry.register(Box::new(Self { runtime, description }))
    }
}

impl Collector for WaitCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut metric = Metric::default();
        metric.set_histogram(histogram(&self.runtime.stats().scheduler.waits));
        let mut family = MetricFamily::default();
        family.set_name(NAME.to_owned());
        family.set_help(HELP.to_owned());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds in a float are what Prometheus takes")]
fn histogram(waits: &Waits) -> Histogram {
    let mut cumulative = 0;
    let buckets = WAIT_BOUNDS_US.iter().zip(&waits.counts).map(|(bound_us, count)| {
        cumulative += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound_us as f64 / 1e6);
        bucket.set_cumulative_count(cumulative);
        bucket
    });
    let buckets = buckets.collect();
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(waits.counts.iter().sum());
    histogram.set_sample_sum(waits.total_ns as f64 / 1e9);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_the_count_holds_what_is_above_them() {
        let mut waits = Waits { total_ns: 2_500_000_000, ..Waits::default() };
        waits.counts[0] = 2;
        waits.counts[1] = 3;
        waits.counts[WAIT_BOUNDS_US.len()] = 1;
        let shown = histogram(&waits);
        assert_eq!(shown.get_bucket()[0].cumulative_count(), 2);
        assert_eq!(shown.get_bucket()[WAIT_BOUNDS_US.len() - 1].cumulative_count(), 5);
        assert_eq!((shown.get_sample_count(), shown.get_sample_sum()), (6, 2.5));
    }
}
