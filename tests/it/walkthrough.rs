//! The README's walk-through, run as it stands there.

use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::json;

use crate::harness::{PATIENCE, World, cloister, guests_dir, workspace};

const MARK: &str = "<!-- walkthrough -->";

/// The `sh` block that follows the mark.
fn block() -> String {
    let readme = std::fs::read_to_string(workspace().join("README.md")).expect("there is a README.md");
    let after = readme.split_once(MARK).unwrap_or_else(|| panic!("README.md has no line `{MARK}`")).1;
    let block =
        after.trim_start().strip_prefix("```sh\n").expect("a block ```sh follows the mark in README.md");
    block.split_once("\n```").expect("the block after the mark in README.md ends").0.to_owned()
}

#[tokio::test]
async fn the_readmes_walk_through_works_as_it_stands() {
    let script = block();
    let world = World::start().await;
    let body =
        json!({"slug": "walk", "name": "Walk", "plan": "professional", "owner_email": "owner@walk.example"});
    let made = world.operator.post("/v1/operator/tenants", body).await.expect(201).data();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("target")).unwrap();
    symlink(guests_dir(), dir.path().join("target/guests")).unwrap();
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink(cloister(), bin.join("cloister")).unwrap();
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(dir.path())
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()))
        .env("HOME", dir.path())
        .env("CLOISTER_HOST", world.host.url())
        .env("CLOISTER_LINK", made["owner_link"].as_str().unwrap())
        .env("CLOISTER_CONFIG_DIR", dir.path().join("config"));
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = tokio::time::timeout(PATIENCE, ended).await.expect("the walk-through ends").unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    for expected in ["needle in a haystack", "cloister\n", "ripgrep exited with 1"] {
        assert!(stdout.contains(expected), "`{expected}` is missing:\n{stdout}\n{stderr}");
    }
    assert!(!stderr.contains("error"), "{stderr}");
}
