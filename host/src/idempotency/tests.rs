//! Keys that are begun, finished, forgotten and kept for a day.

use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::store::{Store, StoreOptions};

const OPTIONS: StoreOptions = StoreOptions { cache_bytes: 16 << 20, low_disk_bytes: 0 };

fn clock() -> Clock {
    Clock::manual("2026-01-01T00:00:00Z".parse().unwrap())
}

fn answer(body: &[u8]) -> Answer {
    Answer { status: 201, media_type: Some("application/json".to_owned()), body: body.to_vec() }
}

fn named(key: &str) -> Named {
    Named::for_test("usr_a", key)
}

#[tokio::test]
async fn a_kept_answer_comes_back_after_a_restart_and_is_unreadable_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let secret = b"one-time-link-secret".repeat(9_000);
    {
        let store = Store::open(dir.path(), &OPTIONS).unwrap();
        let keys = Idempotency::open(store, clock()).unwrap();
        assert!(matches!(keys.begin(&named("k")).await.unwrap(), Began::First));
        keys.finish(&named("k"), "d".to_owned(), answer(&secret)).await.unwrap();
    }
    let stored = std::fs::read(dir.path().join("store/db")).unwrap();
    assert!(!stored.windows(20).any(|part| part == b"one-time-link-secret"));
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    let keys = Idempotency::open(store, clock()).unwrap();
    match keys.begin(&named("k")).await.unwrap() {
        Began::Done { digest, answer: Some(kept) } => {
            assert_eq!((digest.as_str(), kept), ("d", answer(&secret)));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_another_process_began_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    {
        let store = Store::open(dir.path(), &OPTIONS).unwrap();
        let keys = Idempotency::open(store.clone(), clock.clone()).unwrap();
        assert!(matches!(keys.begin(&named("k")).await.unwrap(), Began::First));
        assert!(matches!(keys.begin(&named("k")).await, Err(IdempotencyError::InFlight)));
        store.commit().await.unwrap();
    }
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    let keys = Idempotency::open(store, clock).unwrap();
    assert!(matches!(keys.begin(&named("k")).await, Err(IdempotencyError::CutOff)));
    assert!(matches!(keys.begin(&named("other")).await.unwrap(), Began::First));
}

#[tokio::test]
async fn keys_are_forgotten_after_a_day_and_their_answers_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    let clock = clock();
    let keys = Idempotency::open(store.clone(), clock.clone()).unwrap();
    for number in 0..10 {
        let named = named(&number.to_string());
        keys.begin(&named).await.unwrap();
        keys.finish(&named, "d".to_owned(), answer(b"body")).await.unwrap();
    }
    let usage = || {
        store.write_blocking::<_, StoreError, _>(|w| w.idempotency_usage(&Named::space_for_test())).unwrap()
    };
    assert_eq!(usage().keys, 10);
    assert!(usage().bytes > 0);
    clock.advance(Duration::from_secs(24 * 3_600 - 1));
    assert!(matches!(keys.begin(&named("3")).await.unwrap(), Began::Done { .. }));
    clock.advance(Duration::from_secs(2));
    assert!(matches!(keys.begin(&named("3")).await.unwrap(), Began::First));
    assert_eq!((usage().keys, usage().bytes), (1, 0));
}

#[tokio::test]
async fn a_released_key_may_be_used_again_and_a_key_given_up_may_not() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Idempotency::open(Store::open(dir.path(), &OPTIONS).unwrap(), clock()).unwrap();
    keys.begin(&named("k")).await.unwrap();
    keys.release(&named("k")).await.unwrap();
    assert!(matches!(keys.begin(&named("k")).await.unwrap(), Began::First));
    keys.cut_off(&named("k")).await.unwrap();
    assert!(matches!(keys.begin(&named("k")).await, Err(IdempotencyError::CutOff)));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_kept_but_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Idempotency::open(Store::open(dir.path(), &OPTIONS).unwrap(), clock()).unwrap();
    keys.begin(&named("k")).await.unwrap();
    keys.finish(&named("k"), "d".to_owned(), answer(&vec![0; MAX_ANSWER_BYTES + 1])).await.unwrap();
    assert!(matches!(keys.begin(&named("k")).await.unwrap(), Began::Done { answer: None, .. }));
}

#[test]
fn keys_are_short_and_visible() {
    for good in ["a", "0f8fad5b-d9cb-469f-a165-70867728950e", "\"quoted\"", &"k".repeat(255)] {
        assert!(good.parse::<IdempotencyKey>().is_ok(), "{good}");
    }
    for bad in ["", "a b", "é", "a\tb", &"k".repeat(256)] {
        assert_eq!(bad.parse::<IdempotencyKey>().err(), Some(InvalidKey), "{bad:?}");
    }
}
