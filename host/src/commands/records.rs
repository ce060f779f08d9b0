//! Records of runs on their way to the store: written behind the answer, the latest of each run, many in one batch.
//!
//! A caller who waits for a run hears of it only at its end, and a crash in between is repaired at the next start. So
//! nothing has to wait for these writes but whoever reads the store: [`RunRecords::settled`].

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::active::Listing;
use crate::auth::TenantScope;
use crate::gathering::Gathering;
use crate::ids::RunId;
use crate::store::{RunRecord, Store, StoreError};

/// How long a record waits for others to share its write. A run that ends within it is written once. A host that is killed
/// loses no more by it than the database, which gathers for half a second.
const GATHER: Duration = Duration::from_millis(25);
/// Records that wait before those who bring more have to wait too.
const MAX_WAITING: usize = 8_192;

/// Writes records of runs on a thread of its own, which ends when this is dropped, after it has written all.
pub(super) struct RunRecords {
    queue: Arc<Gathering<Job>>,
    thread: Option<JoinHandle<()>>,
}

#[expect(clippy::large_enum_variant, reason = "marks are few, and a box for each record is not")]
enum Job {
    Put(Kept),
    /// Told once all that was put before is written.
    Settle(oneshot::Sender<()>),
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
        let queue = Arc::new(Gathering::default());
        let of_thread = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("run-records".to_owned())
            .spawn(move || write_all(&store, &of_thread))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Takes a record over an older one of the same run. Waits only while too many wait.
    pub(super) async fn put(&self, scope: &TenantScope, record: RunRecord, listing: Option<Listing>) {
        let kept = Kept { scope: scope.clone(), record, listing };
        // Closed only when this is dropped.
        if self.queue.put(Job::Put(kept), false).is_ok_and(|waiting| waiting >= MAX_WAITING) {
            self.settled().await;
        }
    }

    /// Returns when everything that was put before can be read from the store.
    pub(super) async fn settled(&self) {
        let (done, settled) = oneshot::channel();
        if self.queue.put(Job::Settle(done), true).is_ok() {
            // The thread answers before it ends; were it lost, there would be nothing more to wait for.
            let _ = settled.await;
        }
    }
}

impl Drop for RunRecords {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by the thread itself; the next start repairs what it left.
            let _ = thread.join();
        }
    }
}

fn write_all(store: &Store, queue: &Gathering<Job>) {
    while let Some(jobs) = queue.take(GATHER) {
        let (mut records, mut settled) = (HashMap::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Put(kept) => drop(records.insert(kept.record.id.clone(), kept)),
                Job::Settle(done) => settled.push(done),
            }
        }
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
