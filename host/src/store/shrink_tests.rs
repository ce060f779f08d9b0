//! Disk space of what was deleted comes back while the store is used, and nothing is lost over it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use super::*;
use crate::auth::TenantScope;
use crate::clock::Clock;
use crate::ids::TenantId;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    number: u32,
}

impl Record for Note {}

const OPTIONS: StoreOptions = StoreOptions { cache_bytes: 1 << 20, low_disk_bytes: 0 };
const CHUNK_BYTES: usize = 48 << 10;
/// Some 60 MB. Of so little, sled gives much back by itself, depending on what is written besides.
const DEAD_CHUNKS: u64 = 1_250;
/// So that what it does not is enough.
const SPARE_BYTES: u64 = 1 << 20;
/// Records, or chunks, that a thread changes again and again.
const CHANGED: u32 = 40;

fn scope() -> TenantScope {
    TenantScope::for_test(TenantId::generate(&Clock::system()))
}

/// Bytes that do not compress.
fn chunk(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2) + 1;
    let step = |state: &mut u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 56) as u8
    };
    (0..CHUNK_BYTES).map(|_| step(&mut state)).collect()
}

/// Writes chunks of a log, as the writer of logs does: with where the log stands.
fn put_chunks(store: &Store, scope: &TenantScope, seqs: std::ops::Range<u64>) {
    let logs = store.log_chunks();
    for seq in seqs {
        let mut writes = LogWrites::default();
        writes.put_chunk(seq, chunk(seq));
        let stored_bytes = (seq + 1) * CHUNK_BYTES as u64;
        writes.put_state(&LogState { last_seq: seq, stored_bytes, ..LogState::default() });
        logs.apply(scope, writes).unwrap();
        if seq % 64 == 0 {
            logs.commit().unwrap();
        }
    }
    logs.commit().unwrap();
}

fn remove_chunks(store: &Store, scope: &TenantScope, seqs: std::ops::Range<u64>) {
    let logs = store.log_chunks();
    let mut writes = LogWrites::default();
    writes.put_state(&LogState { last_seq: seqs.end, trimmed_seq: seqs.end, ..LogState::default() });
    for seq in seqs {
        writes.remove_chunk(seq);
        writes.free(CHUNK_BYTES as u64);
    }
    logs.apply(scope, writes).unwrap();
    logs.commit().unwrap();
}

/// A store with a log that was deleted, and one that was not.
fn with_dead_log(path: &Path) -> (Store, TenantScope) {
    let store = Store::open(path, &OPTIONS).unwrap();
    let (dead, alive) = (scope(), scope());
    put_chunks(&store, &dead, 0..DEAD_CHUNKS);
    put_chunks(&store, &alive, 0..20);
    remove_chunks(&store, &dead, 0..DEAD_CHUNKS);
    (store, alive)
}

fn assert_alive(store: &Store, scope: &TenantScope) {
    let chunks = store.log_chunks().chunks_from(scope, 0, true, 1_000).unwrap();
    assert_eq!(chunks.iter().map(|chunk| chunk.first_seq).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
    assert!(chunks.iter().all(|stored| **stored == *chunk(stored.first_seq)));
}

fn assert_settled(path: &Path) {
    assert!(path.join("store").exists());
    assert!(!path.join("store.new").exists() && !path.join("store.old").exists());
}

/// Changes records until it is told to stop: what they are then.
fn change_records(
    store: &Store,
    scope: &TenantScope,
    stop: &AtomicBool,
    rounds: &AtomicU32,
) -> BTreeMap<u32, u32> {
    let mut are = BTreeMap::new();
    for number in 0.. {
        let key = Key::in_tenant(scope, Kind::Run, &[&format!("{:05}", number % CHANGED)]);
        let removes = number % 3 == 0;
        store
            .write_blocking::<_, StoreError, _>(|writer| {
                if removes {
                    writer.remove(key);
                    return Ok(());
                }
                writer.put(key, &Note { number })
            })
            .unwrap();
        let _ = if removes { are.remove(&(number % CHANGED)) } else { are.insert(number % CHANGED, number) };
        rounds.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    are
}

/// Changes chunks, and removes the whole log now and then, until it is told to stop: which are there then.
fn change_chunks(
    store: &Store,
    scope: &TenantScope,
    stop: &AtomicBool,
    rounds: &AtomicU32,
) -> BTreeMap<u64, u8> {
    let (logs, mut are) = (store.log_chunks(), BTreeMap::new());
    for number in 0_u64.. {
        let (seq, byte) = (number % u64::from(CHANGED), (number % 251) as u8);
        let mut writes = LogWrites::default();
        if number % 97 == 96 {
            logs.remove_tenant(scope).unwrap();
            are.clear();
        } else if number % 3 == 0 {
            writes.remove_chunk(seq);
            are.remove(&seq);
        } else {
            writes.put_chunk(seq, vec![byte; 500]);
            are.insert(seq, byte);
        }
        logs.apply(scope, writes).unwrap();
        rounds.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    are
}

fn assert_changed(
    store: &Store,
    scope: &TenantScope,
    records: &BTreeMap<u32, u32>,
    chunks: &BTreeMap<u64, u8>,
) {
    let query = PageQuery { limit: 1_000, after: None, direction: Direction::Ascending };
    let page =
        store.reader_blocking().page::<Note>(&Prefix::in_tenant(scope, Kind::Run, &[]), &query, |_| true);
    let found: Vec<u32> = page.unwrap().items.iter().map(|note| note.number).collect();
    assert_eq!(found, records.values().copied().collect::<Vec<_>>());
    let found = store.log_chunks().chunks_from(scope, 0, true, 1_000).unwrap();
    assert_eq!(found.iter().map(|chunk| (chunk.first_seq, chunk[0])).collect::<BTreeMap<_, _>>(), *chunks);
}

#[test]
fn a_copy_takes_the_place_of_the_database_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let (store, alive) = with_dead_log(dir.path());
    let changed = scope();
    let (stop, written, logged) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let (went_on, records, chunks) = std::thread::scope(|threads| {
        let records = threads.spawn(|| change_records(&store, &changed, &stop, &written));
        let chunks = threads.spawn(|| change_chunks(&store, &changed, &stop, &logged));
        while written.load(Ordering::Relaxed) < 100 || logged.load(Ordering::Relaxed) < 200 {
            std::thread::yield_now();
        }
        let went_on = store.go_on_with_a_copy(store.database(), &|| true);
        let seen = (written.load(Ordering::Relaxed), logged.load(Ordering::Relaxed));
        // And some more in the new one.
        while written.load(Ordering::Relaxed) < seen.0 + 100 || logged.load(Ordering::Relaxed) < seen.1 + 200
        {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        (went_on.unwrap(), records.join().unwrap(), chunks.join().unwrap())
    });
    assert!(went_on);
    assert_settled(dir.path());
    assert_alive(&store, &alive);
    assert_changed(&store, &changed, &records, &chunks);
    store.commit_blocking().unwrap();
    drop(store);
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    assert_alive(&store, &alive);
    assert_changed(&store, &changed, &records, &chunks);
}

#[test]
fn a_store_that_has_little_to_give_back_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    let mine = scope();
    put_chunks(&store, &mine, 0..DEAD_CHUNKS);
    // Nobody knows what an earlier owner deleted: reading all of it tells.
    store.check_blocking(|| true).unwrap().unwrap();
    assert_eq!(store.inner.freed_bytes.load(Ordering::Relaxed), 0);
    assert_eq!(store.shrink_when_due(|| true).unwrap(), None);
    assert_eq!(store.shrink_beyond(SPARE_BYTES, || true).unwrap(), None);
    assert_settled(dir.path());
    assert!(store.log_chunks().chunk_at(&mine, DEAD_CHUNKS).unwrap().is_some());
}

#[test]
fn what_an_earlier_owner_left_is_found_when_all_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (store, alive) = with_dead_log(dir.path());
    // Whatever was deleted, nobody looks, as after another start.
    store.inner.freed_bytes.store(0, Ordering::Relaxed);
    let filler = scope();
    put_chunks(&store, &filler, 0..DEAD_CHUNKS);
    let deleted = LogState { last_seq: DEAD_CHUNKS, trimmed_seq: DEAD_CHUNKS, ..LogState::default() };
    let mut writes = LogWrites::default();
    (0..DEAD_CHUNKS).for_each(|seq| writes.remove_chunk(seq));
    writes.put_state(&deleted);
    store.log_chunks().apply(&filler, writes).unwrap();
    assert_eq!(store.shrink_when_due(|| true).unwrap(), None);
    store.check_blocking(|| true).unwrap().unwrap();
    let shrunk = store.shrink_when_due(|| true).unwrap().unwrap();
    assert!(shrunk.after_bytes < shrunk.before_bytes / 2, "{shrunk:?}");
    assert_alive(&store, &alive);
}

#[test]
fn deleted_lines_give_their_disk_space_back_and_a_copy_that_fails_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, alive) = with_dead_log(dir.path());
    let looks = AtomicU32::new(0);
    assert_eq!(store.shrink_beyond(SPARE_BYTES, || looks.fetch_add(1, Ordering::Relaxed) < 3).unwrap(), None);
    assert_settled(dir.path());
    assert_alive(&store, &alive);
    // As `write_both` does when the copy cannot be written.
    let lost = store.shrink_beyond(SPARE_BYTES, || {
        *store.inner.logs.lock() = None;
        true
    });
    assert_eq!(lost.unwrap_err().code(), "store_failed");
    assert_settled(dir.path());
    assert_alive(&store, &alive);
    let shrunk = store.shrink_beyond(SPARE_BYTES, || true).unwrap().unwrap();
    assert!(shrunk.after_bytes < shrunk.before_bytes / 2, "{shrunk:?}");
    assert_alive(&store, &alive);
    assert_settled(dir.path());
}
