//! Starting and stopping: what a host refuses to start on, and what it leaves behind.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::harness::{Host, HostOptions, PATIENCE, Shape, World, cloister, eventually, fixture, serve};

/// Starts a host that is expected to refuse, and gives what it said.
async fn refused(data: &Path, more: &[&str]) -> Output {
    let mut command = serve(data);
    command.args(more);
    ended(command).await
}

async fn ended(mut command: Command) -> Output {
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    tokio::time::timeout(PATIENCE, ended).await.expect("the host refuses").unwrap()
}

#[track_caller]
fn assert_says(output: &Output, code: &str, words: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("error[{code}]")) && text.contains(words), "{text}");
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn a_port_in_use_is_said_before_anything_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(cloister());
    command.args(["serve", "--listen", &address, "--data"]).arg(&data).stdin(Stdio::null());
    assert_says(&ended(command).await, "port_in_use", &address);
    assert!(!data.exists());
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_said_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("none.pem"), "no certificate").unwrap();
    for (file, why) in [("missing.pem", "No such file"), ("none.pem", "no PEM certificate")] {
        let config = format!("[engine]\nca_file = {:?}\n", at(file).to_str().unwrap());
        std::fs::write(at("cloister.toml"), config).unwrap();
        let output = refused(&at("data"), &["--config", at("cloister.toml").to_str().unwrap()]).await;
        assert_says(&output, "config_invalid", "engine.ca_file");
        assert_says(&output, "config_invalid", why);
        assert!(!at("data").exists());
    }
}

#[tokio::test]
async fn a_data_directory_in_use_is_left_alone() {
    let host = Host::start();
    let pid = host.pid().as_raw_nonzero().to_string();
    assert_says(&refused(host.data(), &[]).await, "data_dir_in_use", &pid);
    host.anonymous().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_data_directory_of_a_newer_version_is_left_alone() {
    let mut host = Host::start();
    host.kill();
    let format = host.data().join("FORMAT");
    std::fs::write(&format, "999\n").unwrap();
    assert_says(&refused(host.data(), &[]).await, "data_dir_newer", "999");
    assert_eq!(std::fs::read_to_string(&format).unwrap(), "999\n");
    std::fs::write(&format, "1\n").unwrap();
    host.restart();
}

#[tokio::test]
async fn a_damaged_data_directory_is_refused_and_kept() {
    for (file, content) in [("FORMAT", &b"one"[..]), ("keys/access-token.ed25519.pk8", b"x")] {
        let mut host = Host::start();
        host.kill();
        let path = host.data().join(file);
        std::fs::write(&path, content).unwrap();
        let output = refused(host.data(), &[]).await;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{file}: {text}");
        assert!(text.contains("error[") && !text.contains("panicked"), "{file}: {text}");
        assert_eq!(std::fs::read(&path).unwrap(), content, "{file}");
    }
}

#[tokio::test]
async fn a_setting_that_is_not_valid_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("cloister.toml");
    for (text, words) in [
        ("[server]\nlisten_on = 1", "listen_on"),
        ("[engine]\nmax_runs = 0", "engine.max_runs"),
        ("x", "line 1"),
    ] {
        std::fs::write(&config, text).unwrap();
        let output = refused(&dir.path().join("data"), &["--config", config.to_str().unwrap()]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(words), "{said}");
        assert!(!dir.path().join("data").exists());
    }
}

fn snapshots(data: &Path) -> Vec<OsString> {
    let names = std::fs::read_dir(data.join("store")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("snap.")).collect()
}

#[tokio::test]
async fn everything_is_there_after_a_clean_stop() {
    let mut world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    let run = world.a.run("lines", &["2"]).await;
    world.a.send(reqwest::Method::PUT, "files/kept.txt", "kept").await.expect(201);
    world.host.terminate();
    assert_eq!(world.host.ended().await.code(), Some(0));
    // The database is opened with nothing to catch up with: it would have written another snapshot.
    let snapshot = snapshots(world.host.data());
    world.restart();
    assert_eq!((snapshot.len(), &snapshots(world.host.data())), (1, &snapshot));
    assert_eq!(world.a.all("runs").await[0]["id"], run["id"]);
    assert_eq!(world.a.all("logs").await.len(), 4);
    assert_eq!(world.a.get("files/kept.txt").await.expect(200).text(), "kept");
    assert_eq!(world.a.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_the_host_stops() {
    let mut world = World::start().await;
    world.a.deploy("echo", fixture("echo_lines", Shape::Core), json!({})).await;
    let id = world.a.start(json!({"command": "echo", "stdin": "stream"})).await;
    // A request whose body is still coming holds its connection.
    let (send, body) = tokio::sync::mpsc::unbounded_channel::<Result<Vec<u8>, std::io::Error>>();
    let pieces =
        futures_util::stream::unfold(body, async |mut body| body.recv().await.map(|item| (item, body)));
    let client = world.a.clone();
    let path = format!("runs/{id}/stdin?offset=0&eof=true");
    let feeding = tokio::spawn(async move {
        client.send(reqwest::Method::POST, &path, reqwest::Body::wrap_stream(pieces)).await
    });
    let mut events = world.a.events(&format!("runs/{id}/output"), None).await;
    events.until("ready\n").await;
    send.send(Ok(b"one\n".to_vec())).unwrap();
    events.until("1: one\n").await;
    world.host.terminate();
    // It takes no new connections from then on.
    eventually("the end of listening", async || {
        tokio::net::TcpStream::connect(world.host.url().strip_prefix("http://").unwrap()).await.err()
    })
    .await;
    send.send(Ok(b"two\n".to_vec())).unwrap();
    drop(send);
    assert_eq!(feeding.await.unwrap().expect(200).data(), json!({"next_offset": 8, "closed": true}));
    assert_eq!(world.host.ended().await.code(), Some(0));
    world.restart();
    let run = world.a.get(&format!("runs/{id}")).await.expect(200).data();
    assert_eq!(run["outcome"], json!({"kind": "exited", "exit_code": 0}));
    let output = world.a.get(&format!("runs/{id}/output/stdout")).await.expect(200).text();
    assert_eq!(output, "ready\n1: one\n2: two\nend after 2 lines\n");
}

#[tokio::test]
async fn a_run_that_does_not_end_is_cancelled_when_the_host_stops() {
    let config = "[server]\ndrain_timeout_ms = 100\n".to_owned();
    let mut world = World::start_with(HostOptions { config, ..HostOptions::default() }).await;
    world.a.deploy("spin", fixture("spin", Shape::Core), json!({})).await;
    let id = world.a.start(json!({"command": "spin"})).await;
    world.host.terminate();
    assert_eq!(world.host.ended().await.code(), Some(0));
    world.restart();
    let run = world.a.get(&format!("runs/{id}")).await.expect(200).data();
    assert_eq!((&run["status"], &run["outcome"]["kind"]), (&json!("ended"), &json!("cancelled")));
}

#[tokio::test]
async fn a_store_that_lost_its_records_is_not_taken_for_a_new_one() {
    for damage in [vec![0; 100_000], vec![0xa5; 100_000], Vec::new()] {
        let mut world = World::start().await;
        world.a.send(reqwest::Method::PUT, "files/kept.txt", "kept").await.expect(201);
        world.host.terminate();
        world.host.ended().await;
        let path = world.host.data().join("store/db");
        std::fs::write(&path, damage).unwrap();
        assert_says(&refused(world.host.data(), &[]).await, "data_dir_damaged", "cloister operator salvage");
    }
}

#[tokio::test]
async fn what_a_damaged_store_still_holds_is_saved_by_the_command_that_the_host_names() {
    let mut world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    world.a.run("lines", &["200"]).await;
    let lines = world.a.all("logs").await.len();
    world.host.terminate();
    world.host.ended().await;
    let data = world.host.data().to_owned();
    std::fs::write(data.join("store/conf"), "damaged beyond reading").unwrap();
    assert_says(&refused(&data, &[]).await, "data_dir_damaged", "cloister operator salvage --data-dir");
    let mut command = Command::new(cloister());
    command.args(["operator", "salvage", "--data-dir"]).arg(&data);
    let output = ended(command).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("store.damaged-1"), "{output:?}");
    world.restart();
    assert_eq!(world.a.all("logs").await.len(), lines);
    assert_eq!(world.a.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
    // Not while it runs.
    let mut command = Command::new(cloister());
    command.args(["operator", "salvage", "--data-dir"]).arg(&data);
    assert_says(&ended(command).await, "data_dir_in_use", "stop the host");
}
