//! The log's counters as Prometheus sees them.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGauge, Opts, Registry};

use super::shared::Shared;
use super::stats::{Counter, LogStats};
use super::writer::LogWriter;

type Read = fn(&LogStats) -> &Counter;

/// Name, help, and where the number is.
const COUNTERS: [(&str, &str, Read); 10] = [
    ("cloister_log_lines_total", "Log lines committed.", |stats| &stats.lines),
    ("cloister_log_text_bytes_total", "Bytes of log lines committed, before compression.", |stats| {
        &stats.text_bytes
    }),
    ("cloister_log_chunk_bytes_total", "Bytes of log chunks written.", |stats| &stats.chunk_bytes),
    ("cloister_log_chunks_total", "Log chunks written.", |stats| &stats.chunks),
    ("cloister_log_commits_total", "Commits of the log, one flush each.", |stats| &stats.commits),
    ("cloister_log_commit_microseconds_total", "Time spent in commits of the log.", |stats| &stats.commit_us),
    ("cloister_log_damaged_chunks_total", "Readings of damaged log chunks.", |stats| &stats.damaged_chunks),
    ("cloister_log_trimmed_lines_total", "Log lines deleted by retention.", |stats| &stats.trimmed_lines),
    ("cloister_log_queries_total", "Queries of the log.", |stats| &stats.queries),
    ("cloister_log_scanned_bytes_total", "Bytes of log chunks read by queries.", |stats| {
        &stats.scanned_bytes
    }),
];

struct LogCollector {
    shared: Arc<Shared>,
    counters: Vec<(IntCounter, Read)>,
    queue_bytes: IntGauge,
    healthy: IntGauge,
}

impl LogWriter {
    /// Shows the log's counters in a registry.
    ///
    /// # Errors
    /// A name is taken.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        let counters =
            COUNTERS.into_iter().map(|(name, help, read)| Ok((IntCounter::new(name, help)?, read)));
        registry.register(Box::new(LogCollector {
            shared: self.shared(),
            counters: counters.collect::<prometheus::Result<_>>()?,
            queue_bytes: gauge("cloister_log_queue_bytes", "Bytes of log lines that wait for a commit.")?,
            healthy: gauge("cloister_log_healthy", "1 while the log takes lines, 0 after a failure.")?,
        }))
    }
}

fn gauge(name: &str, help: &str) -> prometheus::Result<IntGauge> {
    IntGauge::with_opts(Opts::new(name, help))
}

impl Collector for LogCollector {
    fn desc(&self) -> Vec<&Desc> {
        let counters = self.counters.iter().flat_map(|(counter, _)| counter.desc());
        counters.chain(self.queue_bytes.desc()).chain(self.healthy.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let stats = &self.shared.stats;
        for (counter, read) in &self.counters {
            // Only this collector adds to it, so it follows the number it shows.
            counter.inc_by(read(stats).get().saturating_sub(counter.get()));
        }
        self.queue_bytes.set(i64::try_from(stats.queue_bytes.get()).unwrap_or(i64::MAX));
        self.healthy.set(i64::from(self.shared.failure().is_none()));
        let counters = self.counters.iter().flat_map(|(counter, _)| counter.collect());
        counters.chain(self.queue_bytes.collect()).chain(self.healthy.collect()).collect()
    }
}
