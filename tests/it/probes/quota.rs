//! Guests that want all of the disk. They run through `cloister run`, whose volume is the one that a host keeps for a tenant.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use crate::harness::{Shape, cloister, probe_path};

const LIMIT_BYTES: u64 = 8 << 20;
const LIMIT_ENTRIES: usize = 1_000;

/// A directory with a quota, and runs of probes in it.
struct Quota {
    dir: TempDir,
}

impl Quota {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("files")).unwrap();
        Self { dir }
    }

    /// Runs a probe to its end. It must end by itself with success; gives what it said.
    fn run(&self, probe: &str, shape: Shape, args: &[&str]) -> String {
        let output = Command::new(cloister())
            .args(["run", "--timeout", "60s", "--dir"])
            .arg(format!("{}::/", self.files().display()))
            .args(["--disk-bytes", &LIMIT_BYTES.to_string(), "--disk-entries", &LIMIT_ENTRIES.to_string()])
            .arg(probe_path(probe, shape))
            .args(args)
            .env("CLOISTER_CACHE_DIR", self.dir.path().join("cache"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{probe} {args:?} {shape:?}: {}\n{said}\n{stderr}", output.status);
        said
    }

    fn files(&self) -> std::path::PathBuf {
        self.dir.path().join("files")
    }

    fn assert_within(&self, what: &str) {
        let (bytes, entries) = usage(&self.files());
        assert!(bytes <= LIMIT_BYTES && entries <= LIMIT_ENTRIES, "{what}: {bytes} bytes, {entries} names");
    }
}

/// Lengths of the files and names below a directory.
fn usage(folder: &Path) -> (u64, usize) {
    let (mut bytes, mut entries) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        entries += 1;
        if metadata.is_dir() {
            let below = usage(&path);
            bytes += below.0;
            entries += below.1;
        } else {
            bytes += metadata.len();
        }
    }
    (bytes, entries)
}

#[test]
fn growth_past_the_quota_is_refused_in_every_way() {
    for way in ["write", "pwrite", "append", "truncate", "symlink"] {
        for shape in Shape::ALL {
            let quota = Quota::new();
            let said = quota.run("fs_quota", shape, &[way]);
            assert!(said.starts_with("refused after "), "{way} {shape:?}: {said}");
            quota.assert_within(way);
        }
    }
}

#[test]
fn files_that_are_large_on_paper_are_refused() {
    for shape in Shape::ALL {
        let quota = Quota::new();
        quota.run("fs_sparse", shape, &[]);
        quota.assert_within("sparse");
    }
}

#[test]
fn names_past_the_quota_are_refused_in_every_way() {
    for way in ["file", "directory", "symlink", "link"] {
        for shape in Shape::ALL {
            let quota = Quota::new();
            let said = quota.run("fs_entries", shape, &[way]);
            assert!(said.starts_with("refused after "), "{way} {shape:?}: {said}");
            quota.assert_within(way);
        }
    }
}

#[test]
fn files_without_a_name_count_until_they_are_closed() {
    for shape in Shape::ALL {
        let quota = Quota::new();
        let said = quota.run("fs_hoard", shape, &[]);
        assert!(
            said.starts_with("refused after 7") || said.starts_with("refused after 8"),
            "{shape:?}: {said}"
        );
        assert_eq!(usage(&quota.files()).0, 0, "{shape:?}");
    }
}

#[test]
fn what_is_replaced_is_given_back() {
    for shape in Shape::ALL {
        let quota = Quota::new();
        quota.run("fs_rename_over", shape, &[]);
        assert_eq!(usage(&quota.files()), (0, 0), "{shape:?}");
    }
}

#[test]
fn special_files_are_refused_and_nobody_waits_for_them() {
    for shape in Shape::ALL {
        let quota = Quota::new();
        let at = |name: &str| quota.files().join(name);
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        std::os::unix::fs::symlink("/proc/self/fd/0", at("fd")).unwrap();
        assert_eq!(quota.run("fs_special", shape, &[]), "done\n", "{shape:?}");
    }
}
