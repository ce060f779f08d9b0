//! The store opens, refuses, recovers and pages as promised.

use std::fs::{self, File};

use serde::{Deserialize, Serialize};

use super::*;
use crate::auth::TenantScope;
use crate::clock::Clock;
use crate::ids::{RunId, TenantId};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    number: u32,
}

impl Record for Note {}

const OPTIONS: StoreOptions = StoreOptions { cache_bytes: 1 << 20, low_disk_bytes: 0 };

fn scope() -> TenantScope {
    TenantScope::for_test(TenantId::generate(&Clock::system()))
}

fn put_notes(store: &Store, scope: &TenantScope, count: u32) {
    store
        .write_blocking::<_, StoreError, _>(|writer| {
            for number in 0..count {
                let key = Key::in_tenant(scope, Kind::Run, &[&format!("{number:05}")]);
                writer.put(key, &Note { number })?;
            }
            Ok(())
        })
        .unwrap();
}

fn numbers(store: &Store, scope: &TenantScope, query: &PageQuery) -> (Vec<u32>, Option<Vec<u8>>) {
    let prefix = Prefix::in_tenant(scope, Kind::Run, &[]);
    let page = store.reader_blocking().page::<Note>(&prefix, query, |_| true).unwrap();
    (page.items.iter().map(|note| note.number).collect(), page.next)
}

#[test]
fn a_page_continues_where_the_last_one_ended_in_both_directions() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    let (mine, other) = (scope(), scope());
    put_notes(&store, &mine, 5);
    put_notes(&store, &other, 3);
    for (direction, expected) in
        [(Direction::Ascending, vec![0, 1, 2, 3, 4]), (Direction::Descending, vec![4, 3, 2, 1, 0])]
    {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let (found, next) = numbers(&store, &mine, &PageQuery { limit: 2, after, direction });
            seen.extend(found);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_cursor_that_points_outside_its_list_finds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    let mine = scope();
    put_notes(&store, &mine, 3);
    for after in [vec![0xff; 9], vec![]] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let query = PageQuery { limit: 10, after: Some(after.clone()), direction };
            let (found, _) = numbers(&store, &mine, &query);
            assert!(found.iter().all(|number| *number < 3));
        }
    }
}

#[test]
fn failed_work_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    let key = Key::of_host(Kind::User, &["x"]);
    let result = store.write_blocking::<(), StoreError, _>(|writer| {
        writer.put(key.clone(), &Note { number: 1 })?;
        assert!(writer.contains(&key)?);
        Err(StoreError::Interrupted)
    });
    assert!(result.is_err());
    assert!(!store.reader_blocking().contains(&key).unwrap());
}

#[tokio::test]
async fn a_committed_record_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let key = Key::of_host(Kind::User, &["x"]);
    {
        let store = Store::open(dir.path(), &OPTIONS).unwrap();
        let key = key.clone();
        store.write::<_, StoreError, _>(move |writer| writer.put(key, &Note { number: 7 })).await.unwrap();
    }
    fs::write(dir.path().join("store/snap.0000000000000042.generating"), b"torn").unwrap();
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    assert_eq!(store.reader_blocking().get::<Note>(&key).unwrap(), Some(Note { number: 7 }));
    assert!(!dir.path().join("store/snap.0000000000000042.generating").exists());
}

#[test]
fn a_second_owner_is_refused_with_the_first_ones_process() {
    let dir = tempfile::tempdir().unwrap();
    let _store = Store::open(dir.path(), &OPTIONS).unwrap();
    let error = Store::open(dir.path(), &OPTIONS).err().unwrap();
    assert_eq!(error.code(), "data_dir_in_use");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
}

#[test]
fn a_newer_or_damaged_directory_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), &OPTIONS).unwrap());
    for (text, code) in [("2\n", "data_dir_newer"), ("zero", "data_dir_damaged"), ("", "data_dir_damaged")] {
        fs::write(dir.path().join("FORMAT"), text).unwrap();
        assert_eq!(Store::open(dir.path(), &OPTIONS).err().unwrap().code(), code, "{text:?}");
    }
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    assert_eq!(Store::open(dir.path(), &OPTIONS).err().unwrap().code(), "data_dir_damaged");
}

#[test]
fn a_damaged_database_is_reported_as_such() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Store::open(dir.path(), &OPTIONS).unwrap();
        put_notes(&store, &scope(), 2_000);
        store.commit_blocking().unwrap();
    }
    for entry in fs::read_dir(dir.path().join("store")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let length = fs::metadata(&path).unwrap().len();
            fs::write(&path, vec![0xa5; usize::try_from(length).unwrap()]).unwrap();
        }
    }
    let error = Store::open(dir.path(), &OPTIONS).err().unwrap();
    assert_eq!(error.code(), "data_dir_damaged", "{error}");
}

#[test]
fn unfinished_uploads_are_swept_at_start() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), &OPTIONS).unwrap());
    let left = dir.path().join("uploads/left-behind");
    fs::write(&left, b"half a module").unwrap();
    drop(Store::open(dir.path(), &OPTIONS).unwrap());
    assert!(!left.exists());
}

#[test]
fn a_nearly_full_disk_admits_no_new_work() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { low_disk_bytes: u64::MAX, ..OPTIONS };
    let store = Store::open(dir.path(), &options).unwrap();
    assert_eq!(store.admit().err().unwrap().code(), "disk_full");
}

#[test]
fn a_record_beyond_the_bound_is_refused() {
    #[derive(Serialize, Deserialize)]
    struct Large(String);
    impl Record for Large {}
    let large = Large("x".repeat(MAX_VALUE_BYTES));
    assert!(matches!(value::encode(&large), Err(StoreError::TooLarge { .. })));
}

#[test]
fn a_value_of_an_unknown_version_is_damage_and_an_older_one_is_upgraded() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Second(u32);
    impl Record for Second {
        const VERSION: u8 = 2;
        fn upgrade(version: u8, json: &[u8]) -> Option<Self> {
            let text: String = (version == 1).then(|| serde_json::from_slice(json).ok())??;
            text.parse().ok().map(Self)
        }
    }
    assert_eq!(value::decode::<Second>(b"\x01\"41\"").unwrap(), Second(41));
    assert!(value::decode::<Second>(b"\x0341").is_err());
    assert!(value::decode::<Second>(b"").is_err());
}

#[tokio::test]
async fn concurrent_commits_all_return() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    let clock = Clock::system();
    let mine = scope();
    let writes = (0..64).map(|number| {
        let key = Key::in_tenant(&mine, Kind::Run, &[RunId::generate(&clock).as_str()]);
        store.write::<_, StoreError, _>(move |writer| writer.put(key, &Note { number }))
    });
    for result in futures_util::future::join_all(writes).await {
        result.unwrap();
    }
}

#[test]
fn a_tenants_directories_are_erased_however_deep_a_guest_made_them() {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::claim(folder.path()).unwrap();
    let scope = scope();
    dir.provision(scope.tenant()).unwrap();
    let mut below = std::os::fd::OwnedFd::from(File::open(dir.tenant_files(&scope)).unwrap());
    for _ in 0..20_000 {
        mkdirat(&below, "d", Mode::RWXU).unwrap();
        below = openat(&below, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    assert_eq!(dir.erase_tenant(scope.tenant()).unwrap(), 20_000);
    assert!(!dir.tenant_files(&scope).exists());
    // Once more finds nothing, and is no failure.
    assert_eq!(dir.erase_tenant(scope.tenant()).unwrap(), 0);
}

/// Everything that a database holds.
fn contents(path: &Path) -> Vec<(sled::IVec, sled::IVec, sled::IVec)> {
    let store = Store::open(path, &OPTIONS).unwrap();
    let mut names = store.database().sled().tree_names();
    names.sort();
    let pairs = |name: &sled::IVec| {
        let tree = store.database().sled().open_tree(name).unwrap();
        tree.iter().map(Result::unwrap).map(|(key, value)| (name.clone(), key, value)).collect::<Vec<_>>()
    };
    names.iter().flat_map(pairs).collect()
}

#[test]
fn a_compaction_keeps_what_is_alive_and_gives_the_rest_back() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Store::open(dir.path(), &OPTIONS).unwrap();
        put_notes(&store, &scope(), 100);
        let dead = store.database().sled().open_tree("dead").unwrap();
        for number in 0..200_u32 {
            // Bytes that do not compress.
            let value: Vec<u8> =
                (0..32_768_u32).map(|at| (at.wrapping_mul(2_654_435_761) ^ number) as u8).collect();
            dead.insert(number.to_be_bytes(), value).unwrap();
        }
        store.commit_blocking().unwrap();
        dead.clear().unwrap();
        store.commit_blocking().unwrap();
    }
    let before = contents(dir.path());
    let compacted = Store::compact(dir.path(), &OPTIONS).unwrap();
    assert!(compacted.after_bytes < compacted.before_bytes / 2, "{compacted:?}");
    assert_eq!(contents(dir.path()), before);
    assert!(!dir.path().join("store.old").exists() && !dir.path().join("store.new").exists());
}

#[test]
fn a_compaction_that_was_killed_leaves_one_whole_database() {
    let dir = tempfile::tempdir().unwrap();
    put_notes(&Store::open(dir.path(), &OPTIONS).unwrap(), &scope(), 10);
    let before = contents(dir.path());
    let (store, new, old) =
        (dir.path().join("store"), dir.path().join("store.new"), dir.path().join("store.old"));
    // While it copied.
    fs::create_dir(&new).unwrap();
    fs::write(new.join("db"), "half").unwrap();
    assert_eq!(contents(dir.path()), before);
    assert!(!new.exists());
    // Between the two names.
    fs::rename(&store, &old).unwrap();
    fs::create_dir(&new).unwrap();
    assert_eq!(contents(dir.path()), before);
    assert!(store.exists() && !old.exists() && !new.exists());
    // After them.
    fs::create_dir(&old).unwrap();
    assert_eq!(contents(dir.path()), before);
    assert!(!old.exists());
}

#[test]
fn what_has_nothing_to_give_back_stays_and_nothing_is_made_where_nothing_was() {
    let dir = tempfile::tempdir().unwrap();
    put_notes(&Store::open(dir.path(), &OPTIONS).unwrap(), &scope(), 10);
    let before = contents(dir.path());
    Store::compact(dir.path(), &OPTIONS).unwrap();
    let again = Store::compact(dir.path(), &OPTIONS).unwrap();
    assert!(again.after_bytes <= again.before_bytes, "{again:?}");
    assert_eq!(contents(dir.path()), before);
    let nothing = dir.path().join("nothing");
    Store::compact(&nothing, &OPTIONS).unwrap_err();
    assert!(!nothing.exists());
}

#[test]
fn a_store_in_use_is_not_compacted() {
    let dir = tempfile::tempdir().unwrap();
    let _used = Store::open(dir.path(), &OPTIONS).unwrap();
    assert_eq!(Store::compact(dir.path(), &OPTIONS).unwrap_err().code(), "data_dir_in_use");
}

/// Changes bytes of the database's file, here and there.
fn damage(path: &Path, every_bytes: usize) {
    let db = path.join("store/db");
    let mut bytes = fs::read(&db).unwrap();
    // The first segment has what every database begins with.
    for at in (600_000..bytes.len()).step_by(every_bytes) {
        bytes[at] ^= 0x5a;
    }
    fs::write(&db, bytes).unwrap();
}

/// A store with many records and a log of a tenant, closed; what it holds.
fn filled(path: &Path) -> Vec<(sled::IVec, sled::IVec, sled::IVec)> {
    {
        let store = Store::open(path, &OPTIONS).unwrap();
        let mine = scope();
        for number in 0..10 {
            put_notes(&store, &scope(), 2_000);
            let mut writes = LogWrites::default();
            for seq in 0..20_u64 {
                let noise = |at: u64| (at.wrapping_mul(6_364_136_223_846_793_005) >> 40) as u8;
                writes.put_chunk(
                    number * 2_000 + seq * 100 + 1,
                    (0..9_000).map(|at| noise(at + seq)).collect(),
                );
            }
            store.log_chunks().apply(&mine, writes).unwrap();
            store.commit_blocking().unwrap();
        }
    }
    contents(path)
}

fn snapshots(path: &Path) -> Vec<String> {
    let files = fs::read_dir(path.join("store")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("snap.")).collect()
}

#[test]
fn a_start_after_a_snapshot_has_nothing_to_catch_up_with() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path());
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    assert_eq!(Store::snapshot(dir.path(), &OPTIONS).unwrap_err().code(), "data_dir_in_use");
    put_notes(&store, &scope(), 2_000);
    store.commit_blocking().unwrap();
    drop(store);
    let old = snapshots(dir.path());
    Store::snapshot(dir.path(), &OPTIONS).unwrap();
    let new = snapshots(dir.path());
    assert!(new.len() == 1 && new != old, "{old:?} {new:?}");
    // sled writes another whenever it has read anything that the last one has not.
    drop(Store::open(dir.path(), &OPTIONS).unwrap());
    assert_eq!(snapshots(dir.path()), new);
    assert_eq!(contents(dir.path()).len(), before.len() + 2_000);
}

#[test]
fn records_that_cannot_be_read_are_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    assert!(store.check_blocking(|| true).unwrap() > Some(20_000));
    assert_eq!(store.check_blocking(|| false).unwrap(), None);
    drop(store);
    let store = Store::open(dir.path(), &OPTIONS).unwrap();
    damage(dir.path(), 1_000);
    assert_eq!(store.check_blocking(|| true).unwrap_err().code(), "data_dir_damaged");
}

#[test]
fn what_a_damaged_database_still_holds_is_saved_and_the_damaged_files_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path());
    damage(dir.path(), 400_000);
    let damaged = fs::read(dir.path().join("store/db")).unwrap();
    let saved = Store::salvage(dir.path(), &OPTIONS).unwrap();
    assert!(saved.found.damaged > 0, "{saved:?}");
    assert_eq!(saved.kept_at, dir.path().canonicalize().unwrap().join("store.damaged-1"));
    assert!(fs::read(saved.kept_at.join("db")).unwrap() == damaged, "the damaged file was only read");
    let after = contents(dir.path());
    let known: std::collections::HashSet<_> = before.iter().collect();
    assert!(after.iter().all(|record| known.contains(record)), "nothing is made up");
    assert!(after.len() * 2 > before.len(), "{} of {}, {saved:?}", after.len(), before.len());
    // Once more, and both are kept.
    let again = Store::salvage(dir.path(), &OPTIONS).unwrap();
    assert_eq!((again.found.damaged, again.records as usize), (0, after.len()));
    assert!(again.kept_at.ends_with("store.damaged-2") && saved.kept_at.exists());
    assert_eq!(contents(dir.path()), after);
}

#[test]
fn a_damaged_conf_or_snapshot_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path());
    for entry in fs::read_dir(dir.path().join("store")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "conf" || name.starts_with("snap.") {
            fs::write(entry.path(), "something else than it was").unwrap();
        }
    }
    assert_eq!(Store::open(dir.path(), &OPTIONS).err().unwrap().code(), "data_dir_damaged");
    Store::salvage(dir.path(), &OPTIONS).unwrap();
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn where_nothing_is_left_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    put_notes(&Store::open(dir.path(), &OPTIONS).unwrap(), &scope(), 10);
    let db = dir.path().join("store/db");
    let noise = vec![0xa5; fs::metadata(&db).unwrap().len() as usize];
    fs::write(&db, &noise).unwrap();
    assert_eq!(Store::salvage(dir.path(), &OPTIONS).unwrap_err().code(), "data_dir_damaged");
    assert_eq!(fs::read(&db).unwrap(), noise);
    assert!(!dir.path().join("store.new").exists() && !dir.path().join("store.damaged-1").exists());
    let nothing = dir.path().join("nothing");
    Store::salvage(&nothing, &OPTIONS).unwrap_err();
    assert!(!nothing.exists());
}

#[test]
fn a_salvage_that_was_killed_between_its_two_names_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    put_notes(&Store::open(dir.path(), &OPTIONS).unwrap(), &scope(), 10);
    let before = contents(dir.path());
    let store = dir.path().join("store");
    fs::rename(&store, dir.path().join("store.new")).unwrap();
    fs::create_dir(dir.path().join("store.damaged-1")).unwrap();
    assert_eq!(contents(dir.path()), before);
    assert!(store.exists() && !dir.path().join("store.new").exists());
}
