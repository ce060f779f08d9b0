//! Attending a run from its start to its record: output to the log, the end to the store.

use std::sync::Arc;

use cloister_runtime::{Outcome, Report, Run, RunError, RunPlace};
use tokio::sync::watch;

use super::Commands;
use super::active::{ActiveRun, Listing};
use super::joins::Joins;
use super::output::{Pending, index};
use crate::api::{self, RunStatus};
use crate::auth::TenantScope;
use crate::logs::{Capture, LogError, LogLevel, LogStream, RunLog};
use crate::store::RunRecord;

/// What the attendant of a run holds.
pub(super) struct Attended {
    pub(super) commands: Commands,
    pub(super) scope: TenantScope,
    pub(super) active: Arc<ActiveRun>,
    pub(super) run: Run,
    pub(super) log: RunLog,
    pub(super) end: watch::Sender<bool>,
    pub(super) listing: Listing,
    /// The run counts among its tenant's until all its output is logged.
    pub(super) place: RunPlace,
    pub(super) joins: Joins,
}

/// Sees a run to its end.
pub(super) async fn attend(attended: Attended) {
    let Attended { commands, scope, active, run, log, end, listing, place, joins } = attended;
    let output = Arc::clone(&active.output);
    let ends = async {
        let report = run.report().await;
        output.close();
        report
    };
    let (report, logged) = tokio::join!(ends, capture(&active, &log, joins));
    let record = ended(active.record.lock().clone(), report, &commands);
    if let Some(outcome) = &record.outcome {
        commands.inner.runs_ended.count(&outcome.kind);
    }
    if let Err(error) = logged.and(say_how_it_ended(&log, &record).await) {
        tracing::error!(run = %record.id, %error, "a run's output could not be logged");
    }
    commands.observe_storage(&scope).await;
    active.record.lock().clone_from(&record);
    // Before anyone hears of the end, who may start the next run at once.
    drop(place);
    // Whoever looks for the run finds it in the list, and from when it leaves the list in the store.
    commands.inner.records.put(&scope, record, Some(listing)).await;
    output.recorded();
    end.send_replace(true);
}

/// Moves all output to whoever takes it and to the log. When the log fails, output is still taken, so that the guest does
/// not hang.
async fn capture(run: &ActiveRun, log: &RunLog, mut joins: Joins) -> Result<(), LogError> {
    let mut lines = Lines::of(log);
    let mut first_failure = Ok(());
    while let Some(pending) = run.output.next_pending().await {
        if joins.take(pending.stream, pending.bytes.clone()).await.is_err() {
            run.canceller.cancel();
        }
        if first_failure.is_ok() && joins.logs(pending.stream) {
            first_failure = lines.take(pending, run.output.has_pending()).await;
        }
    }
    // Whoever reads a pipe learns of its end before the log is done.
    joins.end().await;
    first_failure?;
    lines.finish().await
}

/// Turns a run's output into lines of the log: many small writes become one step.
struct Lines {
    streams: [Capture; 2],
    /// What was gathered and not sent yet; it counts in the tenant's budget until then. All of one stream.
    gathered: Vec<Pending>,
}

impl Lines {
    fn of(log: &RunLog) -> Self {
        let streams = [log.capture(LogStream::Stdout), log.capture(LogStream::Stderr)];
        Self { streams, gathered: Vec::new() }
    }

    /// Takes output; sends it on unless there is more at once.
    async fn take(&mut self, pending: Pending, more: bool) -> Result<(), LogError> {
        // Lines stand in the log in the order in which they were written.
        if self.gathered.last().is_some_and(|last| last.stream != pending.stream) {
            self.send().await?;
        }
        let own = &mut self.streams[index(pending.stream)];
        own.gather(&pending.bytes).await?;
        let all_sent = own.is_sent();
        self.gathered.push(pending);
        if !more || all_sent { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), LogError> {
        for stream in &mut self.streams {
            stream.send().await?;
        }
        self.gathered.clear();
        Ok(())
    }

    async fn finish(mut self) -> Result<(), LogError> {
        self.send().await?;
        let [stdout, stderr] = self.streams;
        stdout.finish().await?;
        stderr.finish().await
    }
}

async fn say_how_it_ended(log: &RunLog, record: &RunRecord) -> Result<(), LogError> {
    let Some(message) = record.outcome.as_ref().and_then(|outcome| outcome.message.as_deref()) else {
        return Ok(());
    };
    let level = level_of(record.outcome.as_ref());
    for line in message.lines() {
        log.system(level, line).await?;
    }
    Ok(())
}

/// Who kills a run knows of it and wanted it: that is no fault to alert on.
fn level_of(outcome: Option<&api::Outcome>) -> LogLevel {
    if outcome.is_some_and(|outcome| outcome.kind == "cancelled") { LogLevel::Warn } else { LogLevel::Error }
}

fn ended(mut record: RunRecord, report: Result<Report, RunError>, commands: &Commands) -> RunRecord {
    record.status = RunStatus::Ended;
    record.ended_at = Some(commands.inner.clock.now());
    match report {
        Ok(report) => {
            record.outcome = Some(outcome(&report.outcome));
            let usage = report.usage;
            let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            record.usage = api::Usage {
                fuel: usage.fuel,
                cpu_us: micros(usage.cpu),
                wall_us: micros(usage.wall),
                peak_memory_bytes: usage.peak_memory_bytes,
                stdin_bytes: usage.stdin_bytes,
                stdout_bytes: usage.stdout_bytes,
                stderr_bytes: usage.stderr_bytes,
                http_sent_bytes: usage.http_sent_bytes,
                http_received_bytes: usage.http_received_bytes,
            };
        }
        Err(error) => {
            tracing::error!(run = %record.id, error = format!("{:#}", ErrorChain(&error)), "the host failed to run a guest");
            record.outcome = Some(api::Outcome {
                kind: "host_error".to_owned(),
                exit_code: 125,
                message: Some("the host could not run the guest; the operator's log says why".to_owned()),
            });
        }
    }
    record
}

fn outcome(outcome: &Outcome) -> api::Outcome {
    api::Outcome {
        kind: outcome.kind().to_owned(),
        exit_code: outcome.exit_code(),
        message: outcome.message(),
    }
}

/// An error and its causes in one line.
struct ErrorChain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            write!(f, ": {source}")?;
            next = source.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cloister_runtime::{Budget, BudgetLimits, Bytes, OutputSink, OutputStreamKind, Resource};

    use super::super::output::LiveOutput;
    use super::*;
    use crate::clock::Clock;
    use crate::ids::{RunId, TenantId};
    use crate::logs::{LineSource, LogFilter, LogOrder, LogQuery, LogWriter};
    use crate::store::{Store, StoreOptions};

    #[test]
    fn a_killed_run_is_no_fault_in_the_log() {
        let ended = |kind: &str| api::Outcome { kind: kind.to_owned(), exit_code: 130, message: None };
        assert_eq!(level_of(Some(&ended("cancelled"))), LogLevel::Warn);
        assert_eq!(level_of(Some(&ended("trapped"))), LogLevel::Error);
        assert_eq!(level_of(Some(&ended("out_of_fuel"))), LogLevel::Error);
    }

    #[tokio::test]
    async fn lines_stand_in_the_order_of_writing_and_count_in_the_budget_until_they_are_sent() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let store =
            Store::open(dir.path(), &StoreOptions { cache_bytes: 16 << 20, low_disk_bytes: 0 }).unwrap();
        let writer = LogWriter::open(store.log_chunks(), clock.clone()).unwrap();
        let scope = TenantScope::for_test(TenantId::generate(&clock));
        let source = LineSource::of_run(RunId::generate(&clock), "hello".parse().unwrap());
        let log = writer.run(&scope, source);
        let (output, budget) = (LiveOutput::new(false), Budget::new(&BudgetLimits::UNLIMITED));
        let held = || budget.usage(Resource::Output).used;
        let (out, err) = (OutputStreamKind::Stdout, OutputStreamKind::Stderr);
        for (stream, text) in [(out, "1\n"), (out, "2\n"), (err, "3\n"), (out, "4\n5"), (err, "6\n")] {
            let reserved = budget.reserve(Resource::Output, text.len() as u64).unwrap();
            output.write(stream, Bytes::from_static(text.as_bytes()), reserved);
        }
        let mut lines = Lines::of(&log);
        let mut left = Vec::new();
        for _ in 0..5 {
            lines.take(output.next_pending().await.unwrap(), output.has_pending()).await.unwrap();
            left.push(held());
        }
        // Each turn to the other stream sends what was gathered of the first; the end sends the rest.
        assert_eq!(left, [11, 11, 7, 5, 0]);
        lines.finish().await.unwrap();
        log.flush().await.unwrap();
        let query = LogQuery { filter: LogFilter::default(), order: LogOrder::Asc, cursor: None, limit: 100 };
        let page = writer.reader().query(&scope, query).await.unwrap();
        let texts: Vec<_> = page.lines.iter().map(|line| String::from_utf8_lossy(&line.bytes)).collect();
        assert_eq!(texts, ["1", "2", "3", "4", "6", "5"]);
        writer.close().await.unwrap();
    }
}
