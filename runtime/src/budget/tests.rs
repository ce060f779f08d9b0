//! The budget against a model, and under threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn budget(limit: u64) -> Budget {
    Budget::new(&BudgetLimits { memory_bytes: limit, ..BudgetLimits::UNLIMITED })
}

fn used(budget: &Budget) -> u64 {
    budget.usage(Resource::Memory).used
}

#[test]
fn a_reservation_over_the_limit_changes_nothing() {
    let budget = budget(100);
    let mut held = budget.reserve(Resource::Memory, 60).unwrap();
    let refused = budget.reserve(Resource::Memory, 41).unwrap_err();
    assert_eq!(refused, Exhausted { resource: Resource::Memory, wanted: 41, used: 60, limit: 100 });
    assert!(held.grow(41).is_err());
    assert_eq!((held.amount(), used(&budget)), (60, 60));
    held.grow(40).unwrap();
    assert_eq!(used(&budget), 100);
    let usage = budget.usage(Resource::Memory);
    assert_eq!((usage.peak, usage.refused), (100, 2));
}

#[test]
fn an_amount_beyond_all_numbers_is_refused() {
    let budget = budget(u64::MAX);
    let _held = budget.reserve(Resource::Memory, 1).unwrap();
    assert!(budget.reserve(Resource::Memory, u64::MAX).is_err());
    assert_eq!(used(&budget), 1);
}

#[test]
fn a_lower_limit_holds_at_once_and_takes_nothing_away() {
    let budget = budget(100);
    let mut held = budget.reserve(Resource::Memory, 80).unwrap();
    budget.set_limits(&BudgetLimits { memory_bytes: 50, ..BudgetLimits::UNLIMITED });
    assert!(budget.reserve(Resource::Memory, 1).is_err());
    assert!(budget.reserve(Resource::Memory, 0).is_ok());
    held.shrink(31);
    assert_eq!((held.amount(), used(&budget)), (49, 49));
    assert!(budget.reserve(Resource::Memory, 1).is_ok());
}

#[test]
fn resources_are_counted_apart() {
    let budget = Budget::new(&BudgetLimits { runs: 1, ..BudgetLimits::UNLIMITED });
    let _run = budget.reserve(Resource::Runs, 1).unwrap();
    assert!(budget.reserve(Resource::Runs, 1).is_err());
    for resource in [Resource::Memory, Resource::OpenFiles, Resource::Output, Resource::HostThreads] {
        assert!(budget.reserve(resource, 1 << 40).is_ok());
    }
}

#[test]
fn a_part_moves_without_being_counted_twice() {
    let budget = budget(10);
    let mut held = budget.reserve(Resource::Memory, 10).unwrap();
    let part = held.split(4);
    assert_eq!((held.amount(), part.amount(), used(&budget)), (6, 4, 10));
    drop(held);
    assert_eq!(used(&budget), 4);
    drop(part);
    assert!(budget.is_unused());
}

#[tokio::test]
async fn whoever_waits_gets_what_is_given_back() {
    let budget = budget(10);
    let held = budget.reserve(Resource::Memory, 10).unwrap();
    let waiting = tokio::spawn({
        let budget = budget.clone();
        async move { budget.reserved(Resource::Memory, 7).await.amount() }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(held);
    assert_eq!(waiting.await.unwrap(), 7);
    // A higher limit wakes as well.
    let _held = budget.reserve(Resource::Memory, 10).unwrap();
    let waiting = tokio::spawn({
        let budget = budget.clone();
        async move { budget.reserved(Resource::Memory, 7).await.amount() }
    });
    tokio::task::yield_now().await;
    budget.set_limits(&BudgetLimits::UNLIMITED);
    assert_eq!(waiting.await.unwrap(), 7);
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(u64),
    Grow(usize, u64),
    Shrink(usize, u64),
    Split(usize, u64),
    Drop(usize),
    Limit(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let amount = 0..60u64;
    prop_oneof![
        amount.clone().prop_map(Step::Reserve),
        (0..8usize, amount.clone()).prop_map(|(at, n)| Step::Grow(at, n)),
        (0..8usize, amount.clone()).prop_map(|(at, n)| Step::Shrink(at, n)),
        (0..8usize, amount.clone()).prop_map(|(at, n)| Step::Split(at, n)),
        (0..8usize).prop_map(Step::Drop),
        (0..200u64).prop_map(Step::Limit),
    ]
}

proptest! {
    #[test]
    fn any_sequence_of_steps_agrees_with_a_sum(steps in proptest::collection::vec(step(), 1..200)) {
        let (budget, mut limit) = (budget(100), 100);
        let mut held: Vec<Reservation> = Vec::new();
        for step in steps {
            let before: u64 = held.iter().map(Reservation::amount).sum();
            let place = |at: usize, held: &[Reservation]| (!held.is_empty()).then(|| at % held.len());
            match step {
                Step::Reserve(n) => match budget.reserve(Resource::Memory, n) {
                    Ok(new) => { prop_assert!(n == 0 || before + n <= limit); held.push(new); }
                    Err(refused) => {
                        prop_assert!(before + n > limit);
                        prop_assert_eq!((refused.used, refused.limit), (before, limit));
                    }
                },
                Step::Grow(at, n) => if let Some(at) = place(at, &held) {
                    prop_assert_eq!(held[at].grow(n).is_ok(), n == 0 || before + n <= limit);
                },
                Step::Shrink(at, n) => if let Some(at) = place(at, &held) { held[at].shrink(n); },
                Step::Split(at, n) => if let Some(at) = place(at, &held) {
                    let part = held[at].split(n);
                    held.push(part);
                },
                Step::Drop(at) => if let Some(at) = place(at, &held) { drop(held.swap_remove(at)); },
                Step::Limit(new) => {
                    limit = new;
                    budget.set_limits(&BudgetLimits { memory_bytes: new, ..BudgetLimits::UNLIMITED });
                }
            }
            prop_assert_eq!(used(&budget), held.iter().map(Reservation::amount).sum::<u64>());
        }
        drop(held);
        prop_assert!(budget.is_unused());
    }

    #[test]
    fn threads_together_never_go_over(
        plans in proptest::collection::vec(proptest::collection::vec(step(), 1..80), 4),
    ) {
        let budget = budget(100);
        let (done, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        std::thread::scope(|scope| {
            let watcher = scope.spawn({
                let (budget, done, over) = (budget.clone(), Arc::clone(&done), Arc::clone(&over));
                move || while !done.load(Ordering::Relaxed) {
                    over.fetch_or(used(&budget) > 100, Ordering::Relaxed);
                }
            });
            let workers: Vec<_> = plans.iter().map(|plan| {
                let budget = budget.clone();
                scope.spawn(move || work(&budget, plan))
            }).collect();
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            done.store(true, Ordering::Relaxed);
            watcher.join().unwrap();
        });
        prop_assert!(!over.load(Ordering::Relaxed));
        prop_assert!(budget.usage(Resource::Memory).peak <= 100);
        prop_assert!(budget.is_unused());
    }
}

/// Does the steps, but for those that change the limit.
fn work(budget: &Budget, steps: &[Step]) {
    let mut held: Vec<Reservation> = Vec::new();
    for step in steps {
        match *step {
            Step::Reserve(n) => held.extend(budget.reserve(Resource::Memory, n)),
            Step::Limit(_) => {}
            _ if held.is_empty() => {}
            Step::Grow(at, n) => {
                let at = at % held.len();
                // A refusal is one of the cases.
                let _ = held[at].grow(n);
            }
            Step::Shrink(at, n) => {
                let at = at % held.len();
                held[at].shrink(n);
            }
            Step::Split(at, n) => {
                let at = at % held.len();
                let part = held[at].split(n);
                held.push(part);
            }
            Step::Drop(at) => drop(held.swap_remove(at % held.len())),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost() {
    let budget = budget(3);
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let budget = budget.clone();
            tokio::spawn(async move {
                for _ in 0..200 {
                    let held = budget.reserved(Resource::Memory, 2).await;
                    tokio::task::yield_now().await;
                    drop(held);
                }
            })
        })
        .collect();
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(60), task).await.expect("a wake-up was lost").unwrap();
    }
    assert!(budget.is_unused());
}
