//! No wake-up is lost: every interleaving of a few threads, within a bound on preemptions, under loom's model checker. A
//! task that nobody is woken for is a deadlock, which loom reports.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use cloister_scheduler::{Dispatcher, Monitor, PLAIN_WEIGHT, Queues, Wake};
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread;

/// The model checker's lock and condition. Its waits have no timeouts: what depends on one would deadlock here.
struct Modelled<T> {
    value: Mutex<T>,
    condition: Condvar,
}

impl<T: Send> Monitor<T> for Modelled<T> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        Self: 'a;

    fn new(value: T) -> Self {
        Self { value: Mutex::new(value), condition: Condvar::new() }
    }

    fn lock(&self) -> Self::Guard<'_> {
        self.value.lock().unwrap()
    }

    fn wait<'a>(&'a self, guard: Self::Guard<'a>, _: Option<Duration>) -> Self::Guard<'a> {
        self.condition.wait(guard).unwrap()
    }

    fn notify_one(&self) {
        self.condition.notify_one();
    }

    fn notify_all(&self) {
        self.condition.notify_all();
    }
}

type Modelling = Dispatcher<u32, Modelled<cloister_scheduler::Shared<u32>>>;

/// Counts finished tasks, and lets one thread wait for them.
#[derive(Default)]
struct Done {
    count: Mutex<u32>,
    changed: Condvar,
}

impl Done {
    fn add(&self) {
        *self.count.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    fn wait_for(&self, wanted: u32) {
        let mut count = self.count.lock().unwrap();
        while *count < wanted {
            count = self.changed.wait(count).unwrap();
        }
    }
}

/// Runs `body` under every interleaving with at most this many preemptions.
fn explore(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(body);
}

/// Runs tasks, each of which ends once `meets` of them have begun.
fn worker(dispatcher: &Modelling, done: &Done, meets: u32) {
    let mut ran = None;
    while let Some(slice) = dispatcher.next(ran, || 0) {
        ran = Some((slice.tenant, 1));
        done.add();
        done.wait_for(meets);
    }
}

fn start(workers: usize, meets: u32) -> (Arc<Modelling>, Arc<Done>, Vec<thread::JoinHandle<()>>) {
    let (dispatcher, done) = (Arc::new(Modelling::default()), Arc::new(Done::default()));
    let threads = (0..workers)
        .map(|_| {
            let (dispatcher, done) = (Arc::clone(&dispatcher), Arc::clone(&done));
            thread::spawn(move || worker(&dispatcher, &done, meets))
        })
        .collect();
    (dispatcher, done, threads)
}

fn queue(dispatcher: &Modelling, tenant: usize, run: u64) {
    // What is owed to whom does not matter here, only that someone comes.
    let (Ok(Wake::Nothing | Wake::Preempt) | Err(_)) = dispatcher.push(tenant, run, 0, 0);
}

#[test]
fn two_workers_take_what_two_threads_queue() {
    explore(2, || {
        let (dispatcher, done, workers) = start(2, 0);
        let tenant = dispatcher.with(|queues| queues.add_tenant(PLAIN_WEIGHT, None, 0));
        let other = Arc::clone(&dispatcher);
        let producer = thread::spawn(move || queue(&other, tenant, 1));
        queue(&dispatcher, tenant, 2);
        done.wait_for(2);
        producer.join().unwrap();
        assert!(dispatcher.stop().is_empty());
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn no_worker_sleeps_while_a_task_waits() {
    explore(2, || {
        // Each task waits for the other to begin: one worker alone cannot run them.
        let (dispatcher, done, workers) = start(2, 2);
        let tenant = dispatcher.with(|queues| queues.add_tenant(PLAIN_WEIGHT, None, 0));
        (0..2).for_each(|run| queue(&dispatcher, tenant, run));
        done.wait_for(2);
        assert!(dispatcher.stop().is_empty());
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn a_burst_for_one_worker_is_run_to_its_end() {
    explore(3, || {
        let (dispatcher, done, workers) = start(1, 0);
        let tenant = dispatcher.with(|queues| queues.add_tenant(PLAIN_WEIGHT, None, 0));
        (0..3).for_each(|run| queue(&dispatcher, tenant, run));
        done.wait_for(3);
        assert!(dispatcher.stop().is_empty());
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

#[test]
fn a_cap_that_is_lifted_wakes_someone() {
    explore(3, || {
        let (dispatcher, done, workers) = start(1, 0);
        // The burst of a thousandth of a core is less than the first slice takes, so the tenant stands aside.
        let tenant = dispatcher.with(|queues| {
            let tenant = queues.add_tenant(PLAIN_WEIGHT, Some(1), 0);
            spend(queues, tenant);
            tenant
        });
        queue(&dispatcher, tenant, 1);
        dispatcher.set_share(tenant, PLAIN_WEIGHT, None, 0);
        done.wait_for(1);
        assert!(dispatcher.stop().is_empty());
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

fn spend(queues: &mut Queues<u32>, tenant: usize) {
    queues.push(tenant, 0, 0, 0).unwrap();
    assert!(matches!(queues.pop(0), cloister_scheduler::Next::Slice(_)));
    queues.charge(tenant, 1_000_000_000, 0);
}

#[test]
fn stopping_ends_every_wait_and_hands_back_what_is_left() {
    explore(3, || {
        let (dispatcher, done, workers) = start(2, 0);
        let tenant = dispatcher.with(|queues| queues.add_tenant(PLAIN_WEIGHT, None, 0));
        queue(&dispatcher, tenant, 1);
        let left = dispatcher.stop().len();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(*done.count.lock().unwrap() as usize + left, 1);
        assert!(dispatcher.push(tenant, 2, 0, 0).is_err());
    });
}
