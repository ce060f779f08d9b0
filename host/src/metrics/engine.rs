//! What guests do: runs, slices, compiled code and log lines, read from the parts' own counters at each scrape.

use std::sync::Arc;

use cloister_runtime::{Runtime, RuntimeStats};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::audit::Audit;
use crate::files::Files;
use crate::logs::LogWriter;
use crate::masking::Masking;

/// Counts how runs ended.
#[derive(Clone)]
pub struct RunsEnded(IntCounterVec);

impl RunsEnded {
    /// Registers the counter.
    ///
    /// # Errors
    /// When its name is taken.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let opts = Opts::new("cloister_runs_ended_total", "Runs that ended, by outcome.");
        let counter = IntCounterVec::new(opts, &["outcome"])?;
        registry.register(Box::new(counter.clone()))?;
        Ok(Self(counter))
    }

    /// One more run ended so.
    pub fn count(&self, outcome: &str) {
        self.0.with_label_values(&[outcome]).inc();
    }
}

/// Shows the counters of the engine and the log.
pub struct HostCollector {
    runtime: Arc<Runtime>,
    logs: LogWriter,
    audit: Audit,
    files: Files,
    masking: Masking,
    descriptions: Vec<Desc>,
}

impl HostCollector {
    /// Registers everything.
    ///
    /// # Errors
    /// When a name is taken.
    pub fn register(
        registry: &Registry,
        runtime: Arc<Runtime>,
        logs: LogWriter,
        audit: Audit,
        files: Files,
        masking: Masking,
    ) -> prometheus::Result<()> {
        let mut collector = Self { runtime, logs, audit, files, masking, descriptions: Vec::new() };
        collector.descriptions = collector.shown()?.iter().flat_map(|shown| shown.desc()).cloned().collect();
        registry.register(Box::new(collector))
    }

    fn shown(&self) -> prometheus::Result<Vec<Box<dyn Collector>>> {
        let RuntimeStats { live_runs, scheduler, cache } = self.runtime.stats();
        let log = self.logs.stats();
        let storage = self.files.used();
        Ok(vec![
            gauge("cloister_runs_active", "Runs that have not ended.", live_runs)?,
            gauge("cloister_scheduler_queued", "Guests that wait for a slice.", scheduler.queued as u64)?,
            counter("cloister_scheduler_slices_total", "Slices that guests ran.", scheduler.slices)?,
            gauge("cloister_scheduler_running", "Guests that run a slice.", scheduler.running as u64)?,
            gauge(
                "cloister_scheduler_throttled_tenants",
                "Tenants that stand aside because of their cap on CPU.",
                scheduler.throttled as u64,
            )?,
            counter(
                "cloister_scheduler_throttles_total",
                "Times a tenant stood aside because of its cap on CPU.",
                scheduler.throttles,
            )?,
            counter(
                "cloister_scheduler_preemptions_total",
                "Times a tenant that was owed a slice woke while others used all threads.",
                scheduler.preemptions,
            )?,
            seconds("cloister_guest_cpu_seconds_total", "CPU time of all guests.", scheduler.cpu_ns, 1e9)?,
            counter("cloister_code_memory_hits_total", "Modules found ready in memory.", cache.memory_hits)?,
            counter(
                "cloister_code_disk_hits_total",
                "Modules loaded from compiled code on disk.",
                cache.disk_hits,
            )?,
            counter("cloister_code_compiled_total", "Modules compiled.", cache.compiled)?,
            counter(
                "cloister_code_forged_total",
                "Stored code refused: this host did not write it.",
                cache.forged,
            )?,
            counter("cloister_log_lines_total", "Log lines committed.", log.lines.get())?,
            counter("cloister_log_text_bytes_total", "Bytes of log text committed.", log.text_bytes.get())?,
            counter("cloister_log_chunk_bytes_total", "Bytes of log chunks written.", log.chunk_bytes.get())?,
            counter("cloister_log_commits_total", "Commits of the log: one flush each.", log.commits.get())?,
            seconds(
                "cloister_log_commit_seconds_total",
                "Time spent in commits of the log.",
                log.commit_us.get(),
                1e6,
            )?,
            gauge("cloister_log_queue_bytes", "Log bytes that wait for a commit.", log.queue_bytes.get())?,
            counter(
                "cloister_log_damaged_chunks_total",
                "Damaged log chunks met while reading.",
                log.damaged_chunks.get(),
            )?,
            counter(
                "cloister_log_trimmed_lines_total",
                "Log lines deleted by retention.",
                log.trimmed_lines.get(),
            )?,
            counter(
                "cloister_log_deleted_lines_total",
                "Log lines deleted with those of their run.",
                log.deleted_lines.get(),
            )?,
            counter("cloister_log_queries_total", "Queries of the log.", log.queries.get())?,
            counter(
                "cloister_log_scanned_bytes_total",
                "Bytes of log chunks that queries unpacked.",
                log.scanned_bytes.get(),
            )?,
            counter(
                "cloister_audit_records_total",
                "Audit records written.",
                self.audit.stats().records.get(),
            )?,
            counter(
                "cloister_audit_coalesced_total",
                "Events counted in another's audit record.",
                self.audit.stats().coalesced.get(),
            )?,
            gauge(
                "cloister_audit_healthy",
                "1 while the audit takes records.",
                u64::from(self.audit.health().is_ok()),
            )?,
            counter(
                "cloister_masked_total",
                "Places in log lines and audit records that were masked.",
                self.masking.hits(),
            )?,
            gauge(
                "cloister_storage_bytes",
                "Bytes in the tenants' directories that were used since the start.",
                storage.bytes,
            )?,
            gauge(
                "cloister_storage_entries",
                "Files, directories and links in the tenants' directories that were used since the start.",
                storage.entries,
            )?,
            gauge(
                "cloister_log_healthy",
                "1 while the log takes lines.",
                u64::from(self.logs.health().is_ok()),
            )?,
        ])
    }
}

impl Collector for HostCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // The same names were made once already, so they can be made again.
        self.shown().unwrap_or_default().iter().flat_map(|shown| shown.collect()).collect()
    }
}

fn gauge(name: &str, help: &str, value: u64) -> prometheus::Result<Box<dyn Collector>> {
    let gauge = IntGauge::new(name, help)?;
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    Ok(Box::new(gauge))
}

fn counter(name: &str, help: &str, value: u64) -> prometheus::Result<Box<dyn Collector>> {
    let counter = IntCounter::new(name, help)?;
    counter.inc_by(value);
    Ok(Box::new(counter))
}

#[expect(clippy::cast_precision_loss, reason = "seconds in a float are what Prometheus takes")]
fn seconds(name: &str, help: &str, units: u64, per_second: f64) -> prometheus::Result<Box<dyn Collector>> {
    let counter = Counter::new(name, help)?;
    counter.inc_by(units as f64 / per_second);
    Ok(Box::new(counter))
}
