//! Guests that want all of the disk: through `cloister run`, with a quota of its own, and on a host, where all runs of a
//! tenant have one together.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Stage;
use crate::harness::{Shape, cloister, probe, probe_path};

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

/// What the attacker's directory is on the host, and in its grant.
const ATTACKED: &str = "attacked";

/// A host whose tenants have the quota, and probes that run there.
async fn hosted() -> Stage {
    let quota = format!("storage_bytes = {LIMIT_BYTES}\nstorage_entries = {LIMIT_ENTRIES}\n");
    Stage::set_with(&format!("[plans.professional]\n{quota}")).await
}

async fn deploy(stage: &Stage, command: &str, wasm: Vec<u8>, directory: &str) {
    let directory = json!({"path": directory, "guest": "/", "access": "read_write"});
    stage.world.a.deploy(command, wasm, json!({"directories": [directory]})).await;
}

fn request(name: &str, way: &str) -> Value {
    json!({"command": name, "args": [way], "limits": {"wall_ms": 60_000}})
}

/// No tenant has more than its quota; each has a directory of its own.
fn assert_all_within(stage: &Stage, what: &str) {
    for tenant in std::fs::read_dir(stage.world.host.data().join("tenants")).unwrap() {
        let (bytes, entries) = usage(&tenant.unwrap().path().join("files"));
        assert!(bytes <= LIMIT_BYTES && entries <= LIMIT_ENTRIES, "{what}: {bytes} bytes, {entries} names");
    }
}

#[tokio::test]
async fn no_way_to_grow_leads_past_the_quota_on_a_host() {
    let stage = hosted().await;
    let client = &stage.world.a;
    let attacks: [(&str, &[&str]); 5] = [
        ("fs_quota", &["write", "pwrite", "append", "truncate", "symlink"]),
        ("fs_entries", &["file", "directory", "symlink", "link"]),
        ("fs_sparse", &[""]),
        ("fs_hoard", &[""]),
        ("fs_rename_over", &[""]),
    ];
    for shape in Shape::ALL {
        for (name, ways) in attacks {
            deploy(&stage, name, probe(name, shape), &format!("/{ATTACKED}")).await;
            for way in ways {
                let what = format!("{name} {way} {shape:?}");
                let (run, _) = tokio::join!(client.run_with(request(name, way)), stage.neighbour());
                assert_eq!(run["outcome"]["exit_code"], 0, "{what}: {run}");
                assert_all_within(&stage, &what);
                // Everything is given back, so that the next one has the whole quota.
                client.delete(&format!("files/{ATTACKED}")).await.expect(204);
            }
        }
    }
}

#[tokio::test]
async fn runs_at_once_share_the_quota_of_their_tenant_and_leave_others_theirs() {
    let stage = hosted().await;
    let client = &stage.world.a;
    let commands: Vec<_> = (0..6).map(|number| format!("hoard-{number}")).collect();
    for command in &commands {
        // Each has a directory of its own, for their names are the same.
        deploy(&stage, command, probe("fs_hoard", Shape::Core), &format!("/{ATTACKED}/{command}")).await;
    }
    let runs = commands.iter().map(|command| client.run_with(request(command, "")));
    let watched = async {
        for _ in 0..20 {
            // What has no name is on the disk all the same, and no other tenant's concern.
            stage.world.b.send(reqwest::Method::PUT, "files/own", vec![7; 1 << 20]).await;
            stage.world.b.get("files/own").await.expect(200);
        }
    };
    let (ended, ()) = tokio::join!(futures_util::future::join_all(runs), watched);
    for run in ended {
        let said = run["output"]["stdout"].as_str().unwrap_or_default();
        assert!(said.starts_with("refused after "), "{run}");
    }
    assert_all_within(&stage, "runs at once");
    // Of six runs that filled it, nothing is left.
    client.delete(&format!("files/{ATTACKED}")).await;
    let all = vec![7; LIMIT_BYTES as usize];
    client.send(reqwest::Method::PUT, "files/everything", all).await.expect(201);
}
