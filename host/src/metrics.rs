//! What Prometheus scrapes. Labels hold only what is bounded: route templates, actions, codes, outcomes.

mod console;
mod cpu;
mod engine;
mod tenants;
mod waits;

use std::time::Duration;

use prometheus::{
    Encoder, Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

pub use console::ConsoleStats;
pub use cpu::CpuCollector;
pub use engine::{HostCollector, RunsEnded};
pub use tenants::TenantCollector;
pub use waits::WaitCollector;

/// Bounds of the buckets of request durations, in seconds.
const REQUEST_SECONDS: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The host's own metrics. Other parts register theirs in [`Metrics::registry`].
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    in_flight: IntGauge,
    sign_ins: IntCounterVec,
    decisions: IntCounterVec,
    idempotency: IntCounterVec,
    uploaded_bytes: IntCounter,
    process: Process,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When a name is taken twice, which a test finds.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Self {
            requests: counter_vec(
                &registry,
                "cloister_http_requests_total",
                "Requests by route, method and status.",
                &["route", "method", "status"],
            )?,
            request_seconds: histogram_vec(
                &registry,
                "cloister_http_request_seconds",
                "Time to the head of the answer, by route and method.",
                &["route", "method"],
            )?,
            in_flight: gauge(&registry, "cloister_http_requests_in_flight", "Requests under way.")?,
            sign_ins: counter_vec(
                &registry,
                "cloister_auth_sign_ins_total",
                "Attempts to sign in, by way and result.",
                &["way", "result"],
            )?,
            decisions: counter_vec(
                &registry,
                "cloister_auth_decisions_total",
                "Decisions of authorize, by action and result.",
                &["action", "result"],
            )?,
            idempotency: counter_vec(
                &registry,
                "cloister_idempotency_total",
                "Requests with an idempotency key, by what became of them.",
                &["result"],
            )?,
            uploaded_bytes: counter(
                &registry,
                "cloister_modules_uploaded_bytes_total",
                "Bytes of modules that were uploaded and kept.",
            )?,
            process: Process::register(&registry)?,
            registry,
        };
        Ok(metrics)
    }

    /// Where further metrics are registered.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Refusals by rate and quota, and warnings before.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn quota(&self) -> prometheus::Result<(IntCounterVec, IntCounterVec)> {
        let denied = counter_vec(
            &self.registry,
            "cloister_rate_denied_total",
            "Requests refused by a rate or a quota, by whose it was.",
            &["rate", "subject"],
        )?;
        let warnings = counter_vec(
            &self.registry,
            "cloister_quota_warnings_total",
            "Warnings that a tenant nears a bound, by percent.",
            &["quota", "percent"],
        )?;
        Ok((denied, warnings))
    }

    /// Decisions of `authorize`.
    #[must_use]
    pub fn decisions(&self) -> IntCounterVec {
        self.decisions.clone()
    }

    /// Bytes of modules that were uploaded and kept.
    #[must_use]
    pub fn uploaded_bytes(&self) -> &IntCounter {
        &self.uploaded_bytes
    }

    /// A request began; it counts as under way until the value is dropped.
    #[must_use]
    pub fn request_began(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request was answered.
    pub fn request_answered(&self, route: &str, method: &str, status: u16, after: Duration) {
        self.requests.with_label_values(&[route, method, &status.to_string()]).inc();
        self.request_seconds.with_label_values(&[route, method]).observe(after.as_secs_f64());
    }

    /// Someone tried to sign in.
    pub fn sign_in(&self, way: &str, result: &str) {
        self.sign_ins.with_label_values(&[way, result]).inc();
    }

    /// A request came with an idempotency key.
    pub fn idempotency(&self, result: &str) {
        self.idempotency.with_label_values(&[result]).inc();
    }

    /// Everything, as Prometheus text.
    ///
    /// # Errors
    /// When a metric cannot be written as text.
    pub fn render(&self) -> prometheus::Result<Vec<u8>> {
        self.process.refresh();
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// A request under way.
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What Prometheus expects of every process.
#[derive(Clone)]
struct Process {
    cpu_seconds: Gauge,
    resident_bytes: IntGauge,
    open_files: IntGauge,
    threads: IntGauge,
}

impl Process {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let cpu_seconds = Gauge::new("process_cpu_seconds_total", "CPU time of the process, in seconds.")?;
        registry.register(Box::new(cpu_seconds.clone()))?;
        Ok(Self {
            cpu_seconds,
            resident_bytes: gauge(registry, "process_resident_memory_bytes", "Resident memory, in bytes.")?,
            open_files: gauge(registry, "process_open_fds", "Open file descriptors.")?,
            threads: gauge(registry, "process_threads", "Threads.")?,
        })
    }

    /// Reads `/proc/self`; leaves the last values where there is none.
    fn refresh(&self) {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        #[expect(clippy::cast_precision_loss, reason = "seconds of CPU time fit")]
        self.cpu_seconds.set(used.tv_sec as f64 + used.tv_nsec as f64 / 1e9);
        if let Ok(pages) = std::fs::read_to_string("/proc/self/statm")
            && let Some(Ok(pages)) = pages.split_whitespace().nth(1).map(str::parse::<i64>)
        {
            self.resident_bytes.set(pages * i64::try_from(rustix::param::page_size()).unwrap_or(4_096));
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.open_files.set(i64::try_from(files.count()).unwrap_or(i64::MAX));
        }
        if let Ok(tasks) = std::fs::read_dir("/proc/self/task") {
            self.threads.set(i64::try_from(tasks.count()).unwrap_or(i64::MAX));
        }
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntCounter> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn counter_vec(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn histogram_vec(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<HistogramVec> {
    let options = HistogramOpts::new(name, help).buckets(REQUEST_SECONDS.to_vec());
    let histogram = HistogramVec::new(options, labels)?;
    registry.register(Box::new(histogram.clone()))?;
    Ok(histogram)
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_process_and_the_requests_are_shown() {
        let metrics = Metrics::new().unwrap();
        let began = metrics.request_began();
        metrics.request_answered("/healthz", "GET", 200, Duration::from_millis(3));
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        for line in [
            "cloister_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1",
            "cloister_http_requests_in_flight 1",
            "cloister_http_request_seconds_bucket{method=\"GET\",route=\"/healthz\",le=\"0.005\"} 1",
            "process_open_fds ",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        drop(began);
        assert!(String::from_utf8(metrics.render().unwrap()).unwrap().contains("in_flight 0"));
    }
}
