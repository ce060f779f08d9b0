//! A full disk: work is refused with a clear reason, nothing is half-written, and it goes on when there is room.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::harness::{HostOptions, Shape, World, fixture};

/// A small file system of its own, when this process may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, mebibytes: u32) -> Option<Self> {
        let size = format!("size={mebibytes}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a host that is being killed may still hold it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn new_work_is_refused_below_the_low_water_mark() {
    let mut world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    world.host.kill();
    world.host.configure("[store]\nlow_disk_bytes = 1000000000000000\n");
    world.restart();
    let refused = world.a.upload(fixture("trap", Shape::Core)).await;
    refused.problem(507, "disk_full");
    world.a.post("runs", json!({"command": "lines", "wait": true})).await.problem(507, "disk_full");
    world.a.send(Method::PUT, "files/x", "x").await.problem(507, "disk_full");
    world.anonymous.get("/readyz").await.problem(507, "disk_full");
    world.anonymous.get("/healthz").await.expect(200);
    assert_eq!(world.a.all("modules").await.len(), 1);
    world.host.kill();
    world.host.configure("");
    world.restart();
    world.anonymous.get("/readyz").await.expect(200);
    assert_eq!(world.a.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
}

#[tokio::test]
async fn a_disk_that_fills_up_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(dir.path(), 64) else {
        eprintln!("skipped: this process may not mount a small file system");
        return;
    };
    let config = "[store]\nlow_disk_bytes = 4194304\n".to_owned();
    let data = Some(dir.path().join("data"));
    let mut world = World::start_with(HostOptions { config, data }).await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    world.a.send(Method::PUT, "files/kept", "kept").await.expect(201);
    let mut refused = None;
    for number in 0..100 {
        let answer = world.a.send(Method::PUT, &format!("files/fill/{number}"), vec![7; 2 << 20]).await;
        if answer.status != 201 {
            refused = Some((number, answer));
            break;
        }
    }
    let (number, answer) = refused.expect("the disk fills up");
    answer.problem(507, "disk_full");
    world.a.get(&format!("files/fill/{number}")).await.problem(404, "file_not_found");
    world.a.upload(fixture("trap", Shape::Core)).await.problem(507, "disk_full");
    world.a.post("runs", json!({"command": "lines", "wait": true})).await.problem(507, "disk_full");
    world.anonymous.get("/healthz").await.expect(200);
    // Reading and making room still work.
    assert_eq!(world.a.get("files/kept").await.expect(200).text(), "kept");
    world.a.delete("files/fill").await.expect(204);
    assert_eq!(world.a.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
    world.kill_and_restart();
    assert_eq!(world.a.get("files/kept").await.expect(200).text(), "kept");
    assert_eq!(world.a.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
}
