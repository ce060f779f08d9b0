//! Buckets that drain, fill and come back; months that end.

use proptest::prelude::*;

use super::month::{Month, month_of};
use super::rates::Rates;
use super::*;

const MINUTE_NS: u64 = 60_000_000_000;
/// Some time after the epoch.
const START_NS: u64 = 1_800_000_000_000_000_000;

fn tenant() -> Subject {
    "ten_01arz3ndektsv4rrffq69g5fav".parse().unwrap()
}

fn take(rates: &mut Rates, limit: u32, now_ns: u64) -> Result<Allowance, Allowance> {
    rates
        .take(Rate::Requests, &[(tenant(), limit)], now_ns)
        .map(Option::unwrap)
        .map_err(|(_, allowance)| allowance)
}

#[test]
fn a_minutes_worth_may_come_at_once_and_then_steadily() {
    let mut rates = Rates::default();
    for left in (0..60).rev() {
        let allowance = take(&mut rates, 60, START_NS).unwrap();
        assert_eq!((allowance.limit, allowance.remaining), (60, left));
    }
    let refused = take(&mut rates, 60, START_NS).unwrap_err();
    assert_eq!((refused.remaining, refused.retry_after_s), (0, 1));
    assert_eq!(refused.reset_s, START_NS / 1_000_000_000 + 60);
    take(&mut rates, 60, START_NS + MINUTE_NS / 60).unwrap();
    take(&mut rates, 60, START_NS + MINUTE_NS / 60).unwrap_err();
    assert_eq!(take(&mut rates, 60, START_NS + 3 * MINUTE_NS).unwrap().remaining, 59);
}

#[test]
fn another_limit_counts_at_once() {
    let mut rates = Rates::default();
    for _ in 0..10 {
        take(&mut rates, 10, START_NS).unwrap();
    }
    take(&mut rates, 10, START_NS).unwrap_err();
    take(&mut rates, 1_000, START_NS + MINUTE_NS / 100).unwrap();
    assert_eq!(rates.take(Rate::Requests, &[(tenant(), 0)], START_NS), Ok(None));
}

#[test]
fn a_refusal_takes_from_no_bucket() {
    let mut rates = Rates::default();
    let user: Subject = "usr_01arz3ndektsv4rrffq69g5fav".parse().unwrap();
    let both = [(tenant(), 100), (user.clone(), 1)];
    rates.take(Rate::Runs, &both, START_NS).unwrap();
    for _ in 0..500 {
        assert_eq!(rates.take(Rate::Runs, &both, START_NS).unwrap_err().0, "principal");
    }
    assert_eq!(rates.used(Rate::Runs, &tenant(), 100, START_NS).0, 1);
    assert_eq!(rates.take(Rate::Runs, &[(tenant(), 100)], START_NS).unwrap().unwrap().remaining, 98);
}

#[test]
fn a_clock_that_was_set_back_locks_out_for_a_period_at_most() {
    let mut rates = Rates::default();
    for _ in 0..5 {
        take(&mut rates, 5, START_NS).unwrap();
    }
    let refused = take(&mut rates, 5, START_NS - 1_000 * MINUTE_NS).unwrap_err();
    assert!(refused.retry_after_s <= 60, "{refused:?}");
}

#[test]
fn subjects_come_back_from_their_text() {
    for subject in [
        tenant(),
        "ten_01arz3ndektsv4rrffq69g5fav/usr_01arz3ndektsv4rrffq69g5fav".parse().unwrap(),
        "usr_01arz3ndektsv4rrffq69g5fav".parse().unwrap(),
        Subject::address("192.0.2.1".parse().unwrap()),
        Subject::address("2001:db8:1:2:3:4:5:6".parse().unwrap()),
    ] {
        assert_eq!(subject.to_string().parse(), Ok(subject.clone()));
    }
    let near = |text: &str| Subject::address(text.parse().unwrap());
    assert_eq!(near("2001:db8::1"), near("2001:db8::ffff"));
    assert_ne!(near("192.0.2.1"), near("192.0.2.2"));
    assert_eq!(near("::ffff:192.0.2.1"), near("192.0.2.1"));
}

#[test]
fn a_month_warns_once_at_each_threshold() {
    let mut month = Month::new("2026-11");
    let mut warned = Vec::new();
    for _ in 0..20 {
        month.runs += 1;
        warned.extend(month.warning(10).map(|percent| (month.runs, percent)));
    }
    assert_eq!(warned, [(8, 80), (10, 100)]);
    assert_eq!(Month { runs: 5, ..Month::new("m") }.warning(0), None);
}

#[test]
fn a_month_ends_where_the_next_begins() {
    let of = |text: &str| month_of(text.parse().unwrap());
    assert_eq!(of("2026-11-30T23:59:59Z"), ("2026-11".to_owned(), 1_796_083_200));
    assert_eq!(of("2026-12-01T00:00:00Z").0, "2026-12");
    assert_eq!(of("2026-12-31T12:00:00Z").1, of("2027-01-01T00:00:00Z").1 - 31 * 86_400);
}

proptest! {
    /// No window of a period ever sees more than two buckets' worth, and the first sees one.
    #[test]
    fn a_rate_is_never_exceeded(limit in 1_u32..200, steps in proptest::collection::vec(0_u64..5_000_000_000, 1..400)) {
        let mut rates = Rates::default();
        let (mut now_ns, mut taken) = (START_NS, 0_u64);
        for step in steps {
            now_ns += step;
            taken += u64::from(take(&mut rates, limit, now_ns).is_ok());
            let refilled = u128::from(now_ns - START_NS) * u128::from(limit) / u128::from(MINUTE_NS);
            prop_assert!(u128::from(taken) <= u128::from(limit) + refilled + 1);
        }
    }
}
