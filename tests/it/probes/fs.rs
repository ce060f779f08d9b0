//! Guests that want files: those of others, more than they may have, or names that hurt whoever reads them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::process::Held;
use super::{End, Grants, Probe, Report, Stage};
use crate::harness::{Client, Shape, eventually, probe};

const RESOLUTION: &str =
    "WASI's path resolution below a directory capability; the host reads through cap-std only";
const READ_ONLY: &str = "FsPerms::ReadOnly on a directory of its own";
const TABLE: &str = "resource table of 1,024 entries a run";
const CALLS: &str = "host calls end the slice too; CPU and wall limits looked at between slices";

const STORM: &[End] = &[End::Wall, End::Cpu, End::Kill];
/// Waiting for the disk costs no CPU time.
const WAITING_STORM: &[End] = &[End::Wall, End::Kill];

const fn in_root(name: &'static str, mechanism: &'static str, ends: &'static [End]) -> Probe {
    Probe::new(name, mechanism, ends).grants(Grants::Root)
}

/// Each begins with an empty directory beside a secret.
pub(super) const ESCAPES: &[Probe] = &[
    in_root("fs_escape_paths", RESOLUTION, &[End::Held]),
    in_root("fs_odd_names", RESOLUTION, &[End::Held]),
    in_root("fs_symlinks", RESOLUTION, &[End::Held]),
    in_root("fs_symlink_loop", RESOLUTION, &[End::Held]),
    in_root("fs_trailing_slash", RESOLUTION, &[End::Held]),
];

pub(super) const STORMS: &[Probe] = &[
    in_root("fs_descriptors", TABLE, &[End::Held]),
    in_root("fs_open_close", CALLS, STORM),
    in_root("fs_create_remove", CALLS, STORM),
    in_root("fs_list_storm", CALLS, STORM),
    in_root("fs_sync_storm", CALLS, WAITING_STORM),
    in_root("fs_read_holes", CALLS, STORM),
    in_root("fs_write_large", CALLS, WAITING_STORM),
];

/// The directory of tenant `a` on the disk, and a secret beside it that nobody may reach.
struct Ground {
    files: PathBuf,
    secret: PathBuf,
}

const SECRET: &str = "outside: nobody's business";

impl Ground {
    async fn find(stage: &Stage) -> Self {
        stage.world.a.send(Method::PUT, "files/.mark", "mark").await.expect(201);
        let tenants = std::fs::read_dir(stage.world.host.data().join("tenants")).unwrap();
        let mut folders = tenants.map(|entry| entry.unwrap().path().join("files"));
        let files = folders.find(|files| files.join(".mark").is_file()).unwrap();
        stage.world.a.delete("files/.mark").await.expect(204);
        let secret = files.with_file_name("secret");
        std::fs::write(&secret, SECRET).unwrap();
        Self { files, secret }
    }

    /// Nothing outside the tenant's directory has changed.
    fn assert_untouched(&self) {
        assert_eq!(std::fs::read_to_string(&self.secret).unwrap(), SECRET);
        let beside = self.files.parent().unwrap();
        let mut names: Vec<_> = names(beside);
        names.retain(|name| name != "incoming");
        assert_eq!(names, ["files", "secret"]);
        let modified = std::fs::metadata(&self.secret).unwrap().modified().unwrap();
        assert!(modified.elapsed().unwrap() < Duration::from_secs(24 * 3600), "its times were set");
    }

    /// As new for the next probe.
    fn clear(&self) {
        for entry in std::fs::read_dir(&self.files).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn no_path_leaves_the_tenants_directory() {
    let stage = Stage::set().await;
    let ground = Ground::find(&stage).await;
    let mut report = Report::new("fs_escapes");
    for probe in ESCAPES {
        for shape in probe.shapes() {
            let judged = stage.attack(probe, shape, End::Held).await;
            report.add(probe, shape, End::Held, judged);
            ground.assert_untouched();
            ground.clear();
        }
    }
    report.finish();
}

#[tokio::test]
async fn links_that_a_guest_planted_lead_the_host_nowhere() {
    let stage = Stage::set().await;
    let ground = Ground::find(&stage).await;
    let client = &stage.world.a;
    let probe = in_root("fs_symlinks", RESOLUTION, &[End::Held]);
    stage.deploy(client, &probe, Shape::Core).await;
    let run = client.run("fs_symlinks", &[]).await;
    assert_eq!(run["outcome"]["exit_code"], 0, "{run}");
    assert!(ground.files.join("up").is_symlink() && ground.files.join("inner/up").is_symlink());
    // What no guest could plant, but an operator who restores a backup might.
    std::os::unix::fs::symlink(&ground.secret, ground.files.join("absolute")).unwrap();
    for path in
        ["up", "up/secret", "file", "chain", "inner/up", "inner/up/secret", "roundabout", "far", "absolute"]
    {
        let read = client.get(&format!("files/{path}")).await;
        assert!(matches!(read.status, 400 | 404 | 409), "{path}: {} {}", read.status, read.text());
        assert!(!read.text().contains(SECRET), "{path}");
        assert!(!read.text().contains(&*ground.files.to_string_lossy()), "{path}: {}", read.text());
    }
    for path in ["up/escaped", "inner/up/escaped", "up/up/escaped"] {
        let written = client.send(Method::PUT, &format!("files/{path}"), "x").await;
        assert!(matches!(written.status, 400 | 404 | 409), "{path}: {}", written.text());
        let made = client.send(Method::PUT, &format!("files/{path}?kind=directory"), "").await;
        assert!(matches!(made.status, 400 | 404 | 409), "{path}: {}", made.text());
        let removed = client.delete(&format!("files/{path}")).await;
        assert!(matches!(removed.status, 400 | 404 | 409), "{path}: {}", removed.text());
    }
    client.delete("files/up/secret").await.problem(400, "path_invalid");
    assert_grants_do_not_follow(client).await;
    let listed = client.all("files").await;
    assert!(listed.iter().any(|entry| entry["name"] == "up" && entry["kind"] == "symlink"), "{listed:?}");
    // Writing over a link replaces the link; removing one removes the link.
    client.send(Method::PUT, "files/file", "mine").await.expect(201);
    for path in ["up", "chain", "roundabout", "far", "absolute", "inner"] {
        client.delete(&format!("files/{path}")).await.expect(204);
    }
    ground.assert_untouched();
}

/// A directory that is a link outwards is not granted, and says nothing about what is there.
async fn assert_grants_do_not_follow(client: &Client) {
    for path in ["/up", "/inner/up", "/absolute", "/up/new"] {
        let directories = json!([{"path": path, "guest": "/", "access": "read_write"}]);
        client
            .deploy("stray", probe("fs_open_close", Shape::Core), json!({"directories": directories}))
            .await;
        let refused = client.post("runs", json!({"command": "stray", "wait": true})).await;
        assert!(matches!(refused.status, 400 | 404 | 409 | 422), "{path}: {}", refused.text());
    }
}

#[tokio::test]
async fn a_directory_that_becomes_a_link_in_a_race_fools_nobody() {
    let stage = Stage::set().await;
    let ground = Ground::find(&stage).await;
    let client = &stage.world.a;
    let (swap, race) =
        (in_root("fs_swap", RESOLUTION, &[End::Kill]), in_root("fs_race", RESOLUTION, &[End::Held]));
    for shape in Shape::ALL {
        stage.deploy(client, &swap, shape).await;
        stage.deploy(client, &race, shape).await;
        let swapping = client.start(swap.request(End::Kill)).await;
        eventually("the door", async || ground.files.join("door").symlink_metadata().ok()).await;
        let host = async {
            for _ in 0..300 {
                let read = client.get("files/door/secret").await;
                assert!(read.status != 200 || read.text() == "inside", "{}", read.text());
                client.send(Method::PUT, "files/door/escaped.host", "x").await;
            }
        };
        let (run, ()) = tokio::join!(client.run_with(race.args(&["20000"]).request(End::Held)), host);
        assert_eq!(run["outcome"]["exit_code"], 0, "{run}");
        client.post(&format!("runs/{swapping}/kill"), json!({})).await.expect(200);
        ground.assert_untouched();
        ground.clear();
    }
}

#[tokio::test]
async fn a_directory_granted_to_be_read_is_not_changed() {
    let stage = Stage::set().await;
    let ground = Ground::find(&stage).await;
    let probe = Probe::new("fs_read_only", READ_ONLY, &[End::Held]).grants(Grants::ReadOnly);
    let mut report = Report::new("fs_read_only");
    for path in ["readable/kept", "readable/folder/kept"] {
        stage.world.a.send(Method::PUT, &format!("files/{path}"), "kept").await.expect(201);
    }
    let readable = ground.files.join("readable");
    let state = || {
        [readable.clone(), readable.join("kept"), readable.join("folder"), readable.join("folder/kept")].map(
            |path| {
                let metadata = std::fs::metadata(&path).unwrap();
                (metadata.len(), metadata.modified().unwrap(), std::fs::read(&path).ok())
            },
        )
    };
    let before = state();
    for shape in probe.shapes() {
        report.add(&probe, shape, End::Held, stage.attack(&probe, shape, End::Held).await);
        assert_eq!(state(), before);
        assert_eq!(
            (names(&readable), names(&readable.join("folder"))),
            (vec!["folder".to_owned(), "kept".to_owned()], vec!["kept".to_owned()])
        );
    }
    report.finish();
}

#[tokio::test]
async fn storms_of_file_calls_are_stopped_and_leave_no_descriptor() {
    let stage = Stage::set().await;
    let ground = Ground::find(&stage).await;
    let before = Held::by(&stage.world.host).descriptors;
    let mut report = Report::new("fs");
    for probe in STORMS {
        stage.play_one(probe, &mut report).await;
        ground.clear();
    }
    stage.quiet().await;
    report.finish();
    let after = eventually("the end of connections", async || {
        let after = Held::by(&stage.world.host).descriptors;
        // Connections of this test, and the store's files.
        (after <= before + 16).then_some(after)
    });
    after.await;
}

#[tokio::test]
async fn directories_too_deep_for_a_path_can_be_listed_and_removed() {
    let stage = Stage::set().await;
    let ground = Ground::find(&stage).await;
    let client = &stage.world.a;
    let probe = in_root("fs_deep", RESOLUTION, &[End::Held]).args(&["20000"]);
    stage.deploy(client, &probe, Shape::Core).await;
    let run = client.run_with(probe.request(End::Held)).await;
    assert_eq!(run["outcome"]["exit_code"], 0, "{run}");
    eprintln!("{}", run["output"]["stdout"]);
    client.get("files/deep").await.expect(200);
    client.delete("files/deep").await.expect(204);
    // As deep as a path can name, by the host itself.
    let path = format!("files/{}f", "d/".repeat(2_000));
    let written = client.send(Method::PUT, &path, "x").await;
    assert!(matches!(written.status, 201 | 400), "{}", written.text());
    client.delete("files/d").await;
    stage.neighbour().await;
    assert_eq!(names(&ground.files), Vec::<String>::new());
}

#[tokio::test]
async fn names_that_are_commands_to_a_terminal_are_inert_in_answers() {
    let stage = Stage::set().await;
    let client = &stage.world.a;
    let probe = in_root("fs_names", RESOLUTION, &[End::Held]);
    stage.deploy(client, &probe, Shape::Core).await;
    let run = client.run_with(probe.request(End::Held)).await;
    assert_eq!(run["output"]["stdout"], "made 8\n", "{run}");
    let listed = client.get("files").await.expect(200);
    assert!(!listed.body.iter().any(|byte| *byte < 0x20 && *byte != b'\n'), "{}", listed.text());
    for entry in client.all("files").await {
        let name = entry["name"].as_str().unwrap();
        let escaped: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let read = client.get(&format!("files/{escaped}")).await.expect(200);
        assert_eq!(read.text(), "x", "{name:?}");
        assert_eq!(read.header("content-disposition"), "attachment");
        client.delete(&format!("files/{escaped}")).await.expect(204);
    }
}
