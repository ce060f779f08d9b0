//! The policy in single cases: order, credit, urgency, caps and places that are used again.

use cloister_scheduler::{Expedited, Next, PLAIN_WEIGHT, Pushed, Queues, Slice, TenantIndex};

const MS: u64 = 1_000_000;

fn pop(queues: &mut Queues<u64>, now_ns: u64) -> Slice<u64> {
    match queues.pop(now_ns) {
        Next::Slice(slice) => slice,
        Next::Wait(until_ns) => panic!("nothing to run until {until_ns:?}"),
    }
}

fn plain(queues: &mut Queues<u64>) -> TenantIndex {
    queues.add_tenant(PLAIN_WEIGHT, None, 0)
}

#[test]
fn a_tenant_that_slept_goes_first_but_cannot_save_up() {
    let mut queues = Queues::default();
    let (hog, sleeper) = (plain(&mut queues), plain(&mut queues));
    queues.push(hog, 0, 0, 0).unwrap();
    for _ in 0..1000 {
        let slice = pop(&mut queues, 0);
        queues.push(hog, 0, slice.task, 0).unwrap();
        queues.charge(hog, MS, 0);
    }
    assert_eq!(queues.push(sleeper, 1, 1, 0), Ok(Pushed::Owed));
    let mut in_a_row = 0;
    loop {
        let slice = pop(&mut queues, 0);
        if slice.tenant != sleeper {
            break;
        }
        in_a_row += 1;
        queues.push(sleeper, 1, slice.task, 0).unwrap();
        queues.charge(sleeper, MS, 0);
    }
    assert!((1..=4).contains(&in_a_row), "{in_a_row}");
}

#[test]
fn within_a_tenant_tasks_take_turns() {
    let mut queues = Queues::default();
    let tenant = plain(&mut queues);
    for run in 0..3 {
        queues.push(tenant, run, run, 0).unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..6 {
        let slice = pop(&mut queues, 0);
        order.push(slice.task);
        queues.push(tenant, slice.task, slice.task, 0).unwrap();
        queues.charge(tenant, MS, 0);
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_run_that_must_end_goes_before_all_others_even_over_its_cap() {
    let mut queues = Queues::default();
    let hog = queues.add_tenant(PLAIN_WEIGHT, Some(100), 0);
    for run in 0..64 {
        queues.push(hog, run, run, 0).unwrap();
    }
    let first = pop(&mut queues, 0);
    queues.charge(first.tenant, 1_000 * MS, 0);
    assert!(matches!(queues.pop(0), Next::Wait(Some(_))));
    assert_eq!(queues.expedite(hog, 63), Expedited::First);
    assert_eq!(queues.expedite(hog, 63), Expedited::NotQueued);
    assert_eq!(pop(&mut queues, 0).task, 63);
}

#[test]
fn a_capped_tenant_comes_back_at_its_time_and_not_before() {
    let mut queues = Queues::default();
    let capped = queues.add_tenant(PLAIN_WEIGHT, Some(500), 0);
    queues.push(capped, 0, 0, 0).unwrap();
    let slice = pop(&mut queues, 0);
    queues.push(capped, 0, slice.task, 0).unwrap();
    queues.charge(capped, 20 * MS, 0);
    let Next::Wait(Some(until_ns)) = queues.pop(0) else { panic!("it should stand aside") };
    assert_eq!(queues.stats().throttled, 1);
    assert!(matches!(queues.pop(until_ns - 1), Next::Wait(Some(_))));
    assert_eq!(pop(&mut queues, until_ns).tenant, capped);
    assert_eq!((queues.stats().throttled, queues.stats().throttles), (0, 1));
}

#[test]
fn lifting_a_cap_brings_the_tenant_back_at_once() {
    let mut queues = Queues::default();
    let capped = queues.add_tenant(PLAIN_WEIGHT, Some(1), 0);
    queues.push(capped, 0, 0, 0).unwrap();
    let slice = pop(&mut queues, 0);
    queues.push(capped, 0, slice.task, 0).unwrap();
    queues.charge(capped, 1_000 * MS, 0);
    assert!(!queues.has_ready());
    queues.set_share(capped, PLAIN_WEIGHT, None, 0);
    assert!(queues.has_ready());
}

#[test]
fn places_of_gone_tenants_are_used_again_once() {
    let mut queues = Queues::default();
    let first = plain(&mut queues);
    queues.push(first, 0, 0, 0).unwrap();
    queues.remove_tenant(first);
    let second = plain(&mut queues);
    assert_ne!(first, second);
    let slice = pop(&mut queues, 0);
    queues.charge(slice.tenant, 1, 0);
    assert_eq!(plain(&mut queues), first);
    assert_ne!(plain(&mut queues), first);
}

#[test]
fn a_gone_tenants_urgent_run_still_ends() {
    let mut queues = Queues::default();
    let gone = plain(&mut queues);
    queues.push(gone, 7, 7, 0).unwrap();
    assert_eq!(queues.expedite(gone, 7), Expedited::First);
    queues.remove_tenant(gone);
    assert_ne!(plain(&mut queues), gone, "its place is still in use");
    let slice = pop(&mut queues, 0);
    queues.charge(slice.tenant, 1, 0);
    assert_eq!(plain(&mut queues), gone);
}
