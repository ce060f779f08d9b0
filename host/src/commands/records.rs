//! Records of runs on their way to the store: written behind the answer, the latest of each run, many in one batch.
//!
//! A caller who waits for a run hears of it only at its end, and a crash in between is repaired at the next start. So
//! nothing has to wait for these writes but whoever reads the store: [`RunRecords::settled`].

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::active::Listing;
use crate::auth::TenantScope;
use crate::ids::RunId;
use crate::store::{RunRecord, Store, StoreError};

/// How long a record waits for others to share its write, in milliseconds. A run that ends within it is written once.
const GATHER_MS: u64 = 5;
/// Records that wait before those who bring more have to wait too.
const MAX_WAITING: usize = 8_192;

/// Writes records of runs on a thread of its own, which ends when this is dropped, after it has written all.
pub(super) struct RunRecords {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    records: HashMap<RunId, Kept>,
    /// Told once all that waited before is written.
    settled: Vec<oneshot::Sender<()>>,
    stopping: bool,
}

struct Kept {
    scope: TenantScope,
    record: RunRecord,
    /// Keeps the run findable among the active ones until its record can be found in the store.
    #[expect(dead_code, reason = "held, and left when dropped")]
    listing: Option<Listing>,
}

impl RunRecords {
    pub(super) fn start(store: Store) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("run-records".to_owned())
            .spawn(move || of_thread.write_all(&store))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes a record over an older one of the same run. Waits only while too many wait.
    pub(super) async fn put(&self, scope: &TenantScope, record: RunRecord, listing: Option<Listing>) {
        if self.shared.waiting.lock().records.len() >= MAX_WAITING {
            self.settled().await;
        }
        let mut waiting = self.shared.waiting.lock();
        let was_empty = waiting.records.is_empty();
        waiting.records.insert(record.id.clone(), Kept { scope: scope.clone(), record, listing });
        if was_empty {
            self.shared.wake.notify_one();
        }
    }

    /// Returns when everything that was put before can be read from the store.
    pub(super) async fn settled(&self) {
        let (done, settled) = oneshot::channel();
        self.shared.waiting.lock().settled.push(done);
        self.shared.wake.notify_one();
        // The thread answers before it ends; were it lost, there would be nothing more to wait for.
        let _ = settled.await;
    }
}

impl Drop for RunRecords {
    fn drop(&mut self) {
        self.shared.waiting.lock().stopping = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by the thread itself; the next start repairs what it left.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn write_all(&self, store: &Store) {
        loop {
            let (records, settled) = {
                let mut waiting = self.waiting.lock();
                while waiting.records.is_empty() && waiting.settled.is_empty() {
                    if waiting.stopping {
                        return;
                    }
                    self.wake.wait(&mut waiting);
                }
                if waiting.settled.is_empty() && !waiting.stopping {
                    // Ends early when somebody wants to read.
                    self.wake.wait_for(&mut waiting, Duration::from_millis(GATHER_MS));
                }
                (std::mem::take(&mut waiting.records), std::mem::take(&mut waiting.settled))
            };
            if let Err(error) = write(store, &records) {
                let runs = records.len();
                tracing::error!(runs, %error, "runs could not be recorded; the next start repairs those that were");
            }
            drop(records);
            for done in settled {
                // Whoever gave up waiting does not hear of it.
                let _ = done.send(());
            }
        }
    }
}

fn write(store: &Store, records: &HashMap<RunId, Kept>) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    store.write_blocking(|writer| {
        for kept in records.values() {
            if let Err(error) = writer.put_run(&kept.scope, &kept.record) {
                // One that is too large must not keep the others out.
                tracing::error!(run = %kept.record.id, %error, "a run could not be recorded");
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{RunStatus, Usage};
    use crate::clock::Clock;
    use crate::ids::{PrincipalId, TenantId, UserId};
    use crate::store::StoreOptions;

    fn open(path: &std::path::Path) -> Store {
        Store::open(path, &StoreOptions { cache_bytes: 16 << 20, low_disk_bytes: 0 }).unwrap()
    }

    fn record(clock: &Clock, status: RunStatus) -> RunRecord {
        RunRecord {
            id: RunId::generate(clock),
            command: "hello".parse().unwrap(),
            version: 1,
            module: "0".repeat(64).parse().unwrap(),
            args: Vec::new(),
            status,
            outcome: None,
            usage: Usage::default(),
            created_at: clock.now(),
            ended_at: None,
            created_by: PrincipalId::from(&UserId::generate(clock)),
        }
    }

    #[tokio::test]
    async fn the_latest_record_of_each_run_is_in_the_store_once_settled() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let store = open(dir.path());
        let scope = TenantScope::for_test(TenantId::generate(&clock));
        let records = RunRecords::start(store.clone()).unwrap();
        let running = record(&clock, RunStatus::Running);
        let ended = RunRecord { status: RunStatus::Ended, ..running.clone() };
        let other = record(&clock, RunStatus::Running);
        for record in [&running, &other, &ended] {
            records.put(&scope, record.clone(), None).await;
        }
        records.settled().await;
        let reader = store.reader_blocking();
        assert_eq!(reader.run(&scope, &ended.id).unwrap(), Some(ended));
        assert_eq!(reader.run(&scope, &other.id).unwrap(), Some(other));
        records.settled().await;
    }

    #[tokio::test]
    async fn what_waits_when_the_host_stops_is_written() {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let store = open(dir.path());
        let scope = TenantScope::for_test(TenantId::generate(&clock));
        let records = RunRecords::start(store.clone()).unwrap();
        let ended = record(&clock, RunStatus::Ended);
        records.put(&scope, ended.clone(), None).await;
        drop(records);
        assert_eq!(store.reader_blocking().run(&scope, &ended.id).unwrap(), Some(ended));
    }
}
