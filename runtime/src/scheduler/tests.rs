//! The scheduler with threads: wake-ups, sharing and stopping, with tasks that are not guests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::*;

struct NoPreempt;
impl Preempt for NoPreempt {
    fn preempt(&self) {}
    fn slice_started(&self) {}
    fn slice_ended(&self) {}
}

fn scheduler(threads: usize) -> Scheduler {
    let on_start: ThreadStart = Arc::new(|| Box::new(()));
    Scheduler::start(threads, &on_start, Arc::new(NoPreempt)).unwrap()
}

#[test]
fn every_task_ends_however_often_it_is_woken() {
    let scheduler = scheduler(4);
    let shares = (0..8).map(|_| scheduler.share(CpuShare::PLAIN)).collect::<Vec<_>>();
    let done = Arc::new(AtomicUsize::new(0));
    let tasks = (0..400u64)
        .map(|run| {
            let done = Arc::clone(&done);
            let task = async move {
                for _ in 0..50 {
                    wake_now().await;
                    futures_util::pending!();
                }
                done.fetch_add(1, Ordering::SeqCst);
            };
            scheduler.spawn(&shares[run as usize % 8], run, task).1
        })
        .collect::<Vec<_>>();
    for task in tasks {
        assert_eq!(futures_executor(task), Some(()));
    }
    assert_eq!(done.load(Ordering::SeqCst), 400);
    assert!(scheduler.stats().slices >= 400 * 50);
}

#[test]
fn stopping_drops_what_is_queued_and_ends_the_threads() {
    let scheduler = scheduler(1);
    let share = scheduler.share(CpuShare::PLAIN);
    let dropped = Arc::new(AtomicU64::new(0));
    struct CountDrop(Arc<AtomicU64>);
    impl Drop for CountDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let tasks = (0..10)
        .map(|run| {
            let counted = CountDrop(Arc::clone(&dropped));
            let waits = async move {
                let _counted = counted;
                std::future::pending::<()>().await;
            };
            scheduler.spawn(&share, run, waits).1
        })
        .collect::<Vec<_>>();
    drop(scheduler);
    drop(tasks);
    assert_eq!(dropped.load(Ordering::SeqCst), 10);
}

/// Wakes its task, so that the `pending!` after it is a yield.
async fn wake_now() {
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        std::task::Poll::Ready(())
    })
    .await;
}

fn futures_executor<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
