//! Databases that sled wrote, really damaged, and read again.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::log::{SEGMENT_BYTES, segment_number};

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

const TREES: [&str; 3] = ["records", "log/one", "log/two"];

fn value(number: u32, len: usize) -> Vec<u8> {
    let mut noise = u64::from(number).wrapping_add(1);
    let mut next = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (noise >> 33) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Writes small records and chunk-like ones, changes and removes some, and returns what is there at last.
fn write(path: &Path) -> BTreeMap<Vec<u8>, Records> {
    #[expect(clippy::disallowed_methods, reason = "what is read here was written by sled")]
    let db = sled::Config::new().path(path).open().unwrap();
    let mut expected: BTreeMap<Vec<u8>, Records> = BTreeMap::new();
    for round in 0..4_u32 {
        for (tree_number, name) in TREES.into_iter().enumerate() {
            let tree = db.open_tree(name).unwrap();
            let records = expected.entry(name.into()).or_default();
            for number in 0..300_u32 {
                let key = format!("{name}/{:05}", number * 7 + round).into_bytes();
                let len = if tree_number == 0 { 120 } else { 9_000 };
                let bytes = value(number + round * 1000, len);
                tree.insert(&key, bytes.clone()).unwrap();
                records.insert(key, bytes);
                if number % 5 == 3 && round > 0 {
                    let key = format!("{name}/{:05}", number * 7 + round - 1).into_bytes();
                    tree.remove(&key).unwrap();
                    records.remove(&key);
                }
            }
            // One that is too large for the log, and stands in a file.
            let key = format!("{name}/large").into_bytes();
            tree.insert(&key, value(round, 300_000)).unwrap();
            records.insert(key, value(round, 300_000));
            db.flush().unwrap();
        }
    }
    expected
}

fn read(path: &Path) -> (BTreeMap<Vec<u8>, Records>, Found) {
    let damaged = Damaged::open(path).unwrap();
    let (trees, found) = damaged.trees().unwrap();
    let mut all: BTreeMap<Vec<u8>, Records> = BTreeMap::new();
    for tree in &trees {
        let records = all.entry(tree.name.clone()).or_default();
        let taken = damaged.records(tree, |key, value| {
            assert!(records.insert(key.to_vec(), value.to_vec()).is_none(), "a key twice");
            Ok::<_, io::Error>(())
        });
        taken.unwrap();
    }
    all.retain(|name, _| name != b"__sled__default");
    (all, found)
}

/// Fails when a record is in another tree than its own, or is one that was never written.
#[track_caller]
fn assert_nothing_is_made_up(all: &BTreeMap<Vec<u8>, Records>) {
    for (name, records) in all {
        let len = if name == TREES[0].as_bytes() { 120 } else { 9_000 };
        for (key, found) in records {
            let rest = key.strip_prefix(name.as_slice()).and_then(|rest| rest.strip_prefix(b"/"));
            let rest = std::str::from_utf8(rest.expect("of this tree")).unwrap();
            let known = match rest.parse::<u32>() {
                Ok(number) => *found == value(number / 7 + number % 7 * 1000, len) && rest.len() == 5,
                Err(_) => rest == "large" && (0..4).any(|round| *found == value(round, 300_000)),
            };
            assert!(known, "{}", String::from_utf8_lossy(key));
        }
    }
}

/// Records that are as they should be, out of how many.
fn kept(expected: &BTreeMap<Vec<u8>, Records>, read: &BTreeMap<Vec<u8>, Records>) -> (usize, usize) {
    let empty = Records::new();
    let mut counts = (0, 0);
    for (name, records) in expected {
        let found = read.get(name).unwrap_or(&empty);
        counts.0 += records.iter().filter(|(key, value)| found.get(*key) == Some(value)).count();
        counts.1 += records.len();
    }
    counts
}

#[test]
fn an_intact_database_is_read_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path());
    let before = fs::read(dir.path().join("db")).unwrap();
    let (all, found) = read(dir.path());
    assert_eq!(all, expected);
    assert_eq!(Found { messages: 0, ..found }, Found::default());
    assert!(found.messages > 1000);
    assert_eq!(fs::read(dir.path().join("db")).unwrap(), before, "it was only read");
}

#[test]
fn neither_conf_nor_snapshots_are_needed() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path());
    for entry in fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "conf" || name.starts_with("snap.") {
            fs::write(entry.path(), b"damaged").unwrap();
        }
    }
    assert_eq!(read(dir.path()).0, expected);
}

#[test]
fn a_changed_byte_costs_a_tenth_at_most_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path());
    let whole = fs::read(dir.path().join("db")).unwrap();
    let segments = whole.chunks(SEGMENT_BYTES).enumerate();
    let last_segment = segments.max_by_key(|(_, segment)| segment_number(segment)).unwrap().0;
    let (mut noticed, mut noise) = (0, 99_u64);
    for _ in 0..60 {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (noise >> 20) as usize % whole.len();
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(dir.path().join("db"), &bytes).unwrap();
        let (all, found) = read(dir.path());
        assert_nothing_is_made_up(&all);
        let (kept, of) = kept(&expected, &all);
        // A damaged length hides the rest of its segment, and which pages were written in full in it.
        assert!(kept * 10 >= of * 9, "byte {at}: {kept} of {of}, {found:?}");
        noticed += usize::from(found.damaged > 0);
        // A torn end of the log may look like one that was never written.
        if kept < of && at / SEGMENT_BYTES != last_segment {
            assert!(found.damaged > 0, "byte {at}: {kept} of {of} and nothing was said");
        }
    }
    assert!(noticed > 30, "{noticed}");
}

#[test]
fn damage_in_many_places_makes_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let whole = fs::read(dir.path().join("db")).unwrap();
    for every_bytes in [50_000, 130_000, 400_000, 1_100_000] {
        for first in (600_000..1_200_000).step_by(100_000) {
            let mut bytes = whole.clone();
            for at in (first..bytes.len()).step_by(every_bytes) {
                bytes[at] ^= 0x5a;
            }
            fs::write(dir.path().join("db"), &bytes).unwrap();
            let (all, found) = read(dir.path());
            assert_nothing_is_made_up(&all);
            assert!(found.damaged > 5, "{every_bytes}: {found:?}");
        }
    }
}

#[test]
fn a_block_of_the_disk_that_is_gone_costs_what_was_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path());
    let mut bytes = fs::read(dir.path().join("db")).unwrap();
    let at = bytes.len() / 2 / SEGMENT_BYTES * SEGMENT_BYTES;
    bytes[at + 100_000..at + 104_096].fill(0);
    fs::write(dir.path().join("db"), &bytes).unwrap();
    let (all, found) = read(dir.path());
    let (kept, of) = kept(&expected, &all);
    assert!(kept * 10 >= of * 9 && found.damaged > 0, "{kept} of {of}, {found:?}");
}

#[test]
fn a_log_without_its_end_has_what_was_before() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path());
    let bytes = fs::read(dir.path().join("db")).unwrap();
    fs::write(dir.path().join("db"), &bytes[..bytes.len() * 3 / 4]).unwrap();
    let all = read(dir.path()).0;
    assert_nothing_is_made_up(&all);
    let (kept, of) = kept(&expected, &all);
    // Nothing when the only copy of the page of names was in it: sled moves pages.
    assert!((all.is_empty() || kept * 4 > of) && kept < of, "{kept} of {of}");
}

#[test]
fn damaged_files_beside_the_log_cost_their_own_records() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path());
    let blobs: Vec<_> =
        fs::read_dir(dir.path().join("blobs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!blobs.is_empty());
    for path in blobs {
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let (all, found) = read(dir.path());
    let (kept, of) = kept(&expected, &all);
    assert_nothing_is_made_up(&all);
    // All of them at once: sled keeps nodes in files, too.
    assert!(kept * 2 > of && kept < of && found.damaged > 0, "{kept} of {of}, {found:?}");
}

#[test]
fn what_is_no_database_has_no_trees() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Damaged::open(dir.path()).is_err());
    for bytes in [vec![], vec![0xa5; SEGMENT_BYTES * 2 + 77], vec![0; SEGMENT_BYTES]] {
        fs::write(dir.path().join("db"), bytes).unwrap();
        assert!(Damaged::open(dir.path()).unwrap().trees().unwrap().0.is_empty());
    }
}
