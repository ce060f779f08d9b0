//! The scheduler by itself: order, fairness, wake-ups and stopping, with tasks that are not guests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::queue::Queues;
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

fn runnable() -> async_task::Runnable {
    let (runnable, task) = async_task::spawn(async {}, |_| {});
    task.detach();
    runnable
}

#[test]
fn cpu_is_shared_by_weight() {
    let mut queues = Queues::default();
    let heavy = queues.add_tenant(3 * 1024);
    let light = queues.add_tenant(1024);
    let mut slices = [0u32; 2];
    for run in 0..2 {
        queues.push(heavy, run, runnable()).unwrap();
        queues.push(light, 10 + run, runnable()).unwrap();
    }
    for _ in 0..4000 {
        let slice = queues.pop().unwrap();
        slices[usize::from(slice.tenant == light)] += 1;
        queues.push(slice.tenant, 0, slice.runnable).unwrap();
        queues.charge(slice.tenant, 1_000_000);
    }
    let ratio = f64::from(slices[0]) / f64::from(slices[1]);
    assert!((2.9..3.1).contains(&ratio), "{slices:?}");
}

#[test]
fn a_tenant_that_slept_goes_first_but_cannot_save_up() {
    let mut queues = Queues::default();
    let hog = queues.add_tenant(1024);
    let sleeper = queues.add_tenant(1024);
    queues.push(hog, 0, runnable()).unwrap();
    for _ in 0..1000 {
        let slice = queues.pop().unwrap();
        queues.push(hog, 0, slice.runnable).unwrap();
        queues.charge(hog, 1_000_000);
    }
    assert!(queues.push(sleeper, 1, runnable()).unwrap());
    let mut in_a_row = 0;
    while let Some(slice) = queues.pop() {
        if slice.tenant != sleeper {
            break;
        }
        in_a_row += 1;
        queues.push(sleeper, 1, slice.runnable).unwrap();
        queues.charge(sleeper, 1_000_000);
    }
    assert!((1..=4).contains(&in_a_row), "{in_a_row}");
}

#[test]
fn a_run_that_must_end_goes_before_all_others() {
    let mut queues = Queues::default();
    let hog = queues.add_tenant(1024);
    for run in 0..64 {
        queues.push(hog, run, runnable()).unwrap();
    }
    assert!(queues.expedite(hog, 63));
    assert!(!queues.expedite(hog, 63));
    let stats_before = queues.stats().queued;
    let _slice = queues.pop().unwrap();
    assert_eq!(queues.stats().queued, stats_before - 1);
}

#[test]
fn places_of_gone_tenants_are_used_again() {
    let mut queues = Queues::default();
    let first = queues.add_tenant(1024);
    queues.push(first, 0, runnable()).unwrap();
    queues.remove_tenant(first);
    let second = queues.add_tenant(1024);
    assert_ne!(first, second);
    let slice = queues.pop().unwrap();
    queues.charge(slice.tenant, 1);
    assert_eq!(queues.add_tenant(1024), first);
}

#[test]
fn every_task_ends_however_often_it_is_woken() {
    let scheduler = scheduler(4);
    let shares = (0..8).map(|_| scheduler.share(1024)).collect::<Vec<_>>();
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
    let share = scheduler.share(1024);
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
