//! Tests of the log as a whole: writer, store, queries, followers.

mod crash;
mod delete;
mod follow;
mod measure;
mod query;
mod writer;

use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt;

use super::*;
use crate::auth::TenantScope;
use crate::clock::Clock;
use crate::ids::{RunId, TenantId, WorkflowRunId};
use crate::store::{LogChunks, Store, StoreOptions};

/// A log in a directory of its own.
struct Fixture {
    writer: LogWriter,
    reader: LogReader,
    clock: Clock,
    chunks: LogChunks,
    dir: Arc<tempfile::TempDir>,
}

fn open_chunks(path: &Path) -> LogChunks {
    let options = StoreOptions { cache_bytes: 256 << 20, low_disk_bytes: 0 };
    Store::open(path, &options).unwrap().log_chunks()
}

impl Fixture {
    fn new() -> Self {
        Self::at(
            Arc::new(tempfile::tempdir().unwrap()),
            Clock::manual("2025-01-01T00:00:00Z".parse().unwrap()),
        )
    }

    fn at(dir: Arc<tempfile::TempDir>, clock: Clock) -> Self {
        let chunks = open_chunks(dir.path());
        let writer = LogWriter::open(chunks.clone(), clock.clone()).unwrap();
        Self { reader: writer.reader(), writer, clock, chunks, dir }
    }

    /// Closes the store and opens it again.
    async fn reopen(self) -> Self {
        let Self { writer, reader, clock, chunks, dir } = self;
        writer.close().await.unwrap();
        drop((writer, reader, chunks));
        Self::at(dir, clock)
    }

    fn run(&self, tenant: u8, run: u8) -> RunLog {
        self.writer.run(&scope(tenant), source(run))
    }

    async fn all(&self, tenant: u8) -> Vec<Line> {
        self.query_all(tenant, LogFilter::default(), LogOrder::Asc, MAX_PAGE_LINES).await
    }

    /// Every page of a query.
    async fn query_all(&self, tenant: u8, filter: LogFilter, order: LogOrder, limit: usize) -> Vec<Line> {
        let (mut lines, mut cursor) = (Vec::new(), None);
        loop {
            let query = LogQuery { filter: filter.clone(), order, cursor, limit };
            let page = self.reader.query(&scope(tenant), query).await.unwrap();
            assert!(page.lines.len() <= limit);
            assert_eq!(page.missing, []);
            lines.extend(page.lines);
            cursor = page.next;
            if cursor.is_none() {
                return lines;
            }
        }
    }

    async fn raw(&self, tenant: u8, run: u8, stream: LogStream) -> Result<Vec<u8>, LogError> {
        let trimmed_seq = self.chunks.state(&scope(tenant)).unwrap().trimmed_seq;
        let bytes = self.reader.raw(&scope(tenant), &run_id(run), stream, trimmed_seq);
        bytes
            .try_fold(Vec::new(), async |mut all, bytes| {
                Ok([std::mem::take(&mut all), bytes.to_vec()].concat())
            })
            .await
    }
}

fn scope(tenant: u8) -> TenantScope {
    let tenant: TenantId = format!("ten_{tenant:026}").parse().unwrap();
    TenantScope::for_test(tenant)
}

fn run_id(run: u8) -> RunId {
    format!("run_{run:026}").parse().unwrap()
}

fn workflow_run_id(run: u8) -> WorkflowRunId {
    format!("wfr_{run:026}").parse().unwrap()
}

fn source(run: u8) -> LineSource {
    LineSource {
        workflow_run: run.is_multiple_of(2).then(|| workflow_run_id(run)),
        ..LineSource::of_run(run_id(run), format!("command{}", run % 3).parse().unwrap())
    }
}

fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| show_bytes(&line.bytes)).collect()
}

/// Fails unless sequence numbers count up by one from `first`.
fn assert_no_holes(lines: &[Line], first: u64) {
    for (line, seq) in lines.iter().zip(first..) {
        assert_eq!(line.seq, seq);
    }
}
