//! `kill -9` at the worst moments: nothing that was answered is lost, and nothing half-made is left.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Shape, World, eventually, fixture, real};

fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn an_upload_that_was_cut_off_leaves_nothing_and_works_again() {
    let mut world = World::start().await;
    let wasm = real("rg", Shape::Core);
    let half = wasm[..wasm.len() / 2].to_vec();
    // The first half comes, and then nothing: the host is in the middle of it.
    let pieces = futures_util::stream::unfold(Some(half), async |half| match half {
        Some(half) => Some((Ok::<_, std::io::Error>(half), None)),
        None => std::future::pending().await,
    });
    let client = world.a.clone();
    let request = client.request(reqwest::Method::POST, "modules").body(reqwest::Body::wrap_stream(pieces));
    let uploading = tokio::spawn(request.send());
    let uploads = world.host.data().join("uploads");
    let half_bytes = wasm.len() as u64 / 2;
    eventually("half an upload", async || {
        let parts = std::fs::read_dir(&uploads).unwrap().flatten();
        parts.filter_map(|part| part.metadata().ok()).any(|part| part.len() > half_bytes / 2).then_some(())
    })
    .await;
    world.kill_and_restart();
    assert!(uploading.await.unwrap().is_err());
    assert_eq!((files_in(&uploads), files_in(&world.host.data().join("modules"))), (0, 0));
    assert!(world.a.all("modules").await.is_empty());
    world.a.upload(wasm).await.expect(201);
    assert_eq!(world.a.all("modules").await.len(), 1);
    assert_eq!(files_in(&uploads), 0);
}

#[tokio::test]
async fn a_run_that_was_cut_off_is_interrupted_and_keeps_its_lines() {
    let mut world = World::start().await;
    for (name, shape) in [("echo", Shape::Core), ("echo.component", Shape::Component)] {
        world.a.deploy(name, fixture("echo_lines", shape), json!({})).await;
        let id = world.a.start(json!({"command": name, "stdin": "stream"})).await;
        let mut events = world.a.events(&format!("runs/{id}/output"), None).await;
        events.until("ready\n").await;
        world.a.send(reqwest::Method::POST, &format!("runs/{id}/stdin?offset=0"), "one\n").await.expect(200);
        events.until("1: one\n").await;
        // A line that was shown by the log is durable.
        let path = format!("logs?order=asc&run={id}");
        eventually("both lines in the log", async || (world.a.all(&path).await.len() == 2).then_some(()))
            .await;
        world.kill_and_restart();
        assert!(events.rest().await.iter().all(|event| event.event != "exit"));
        let run = world.a.get(&format!("runs/{id}")).await.expect(200).data();
        assert_eq!(
            (&run["status"], &run["outcome"]["kind"]),
            (&json!("ended"), &json!("interrupted")),
            "{run}"
        );
        assert!(run["ended_at"].is_string() && run["outcome"]["message"].is_string());
        let lines = world.a.all(&path).await;
        let texts: Vec<_> = lines.iter().map(|line| line["text"].as_str().unwrap()).collect();
        assert_eq!(texts[..2], ["ready", "1: one"]);
        let replayed = world.a.events(&format!("runs/{id}/output"), None).await.rest().await;
        assert_eq!(replayed.last().unwrap().event, "exit");
        world.a.post(&format!("runs/{id}/kill"), json!({})).await.problem(409, "run_already_ended");
    }
}

#[tokio::test]
async fn what_was_answered_survives() {
    let mut world = World::start().await;
    let deployed = world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    world.a.send(reqwest::Method::PUT, "files/a/b.txt", "kept").await.expect(201);
    let started = world.a.start(json!({"command": "lines"})).await;
    world.kill_and_restart();
    let found = world.a.get("deployments/lines").await.expect(200).data();
    assert_eq!(found["active"], deployed["active"]);
    assert_eq!(world.a.get("files/a/b.txt").await.expect(200).text(), "kept");
    // It ended before the kill or was interrupted by it; it was answered, so it is there.
    let run = world.a.get(&format!("runs/{started}")).await.expect(200).data();
    assert_eq!(run["status"], "ended");
    assert_eq!(world.a.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
}

#[tokio::test]
async fn compiled_code_that_was_damaged_is_made_again() {
    let mut world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    world.host.kill();
    let mut damaged = 0;
    let mut folders = vec![world.host.data().join("cache")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0);
    world.restart();
    assert_eq!(world.a.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
}

/// Lines whose copy takes long enough to be seen, and lines whose space is worth one.
const KEPT_LINES: u64 = 150_000;
const DELETED_LINES: u64 = 900_000;
const KILLS: u32 = 4;

/// Binds a command anew until the host does not answer; the last version that it answered.
async fn bind_until_killed(client: Client, module: Value) -> u64 {
    let mut version = 0;
    loop {
        let request = client.request(reqwest::Method::PUT, "deployments/bound");
        let answer = request.json(&json!({"module": module, "grants": {}})).send().await;
        let Ok(answer) = answer else { return version };
        assert!(answer.status().is_success(), "{answer:?}");
        let Ok(bound) = answer.json::<Value>().await else { return version };
        version = bound["data"]["version"].as_u64().unwrap();
    }
}

#[tokio::test]
async fn a_copy_of_the_database_that_was_cut_off_loses_nothing() {
    let mut world = World::start().await;
    let wasm = fixture("access_log", Shape::Core);
    let mut runs = Vec::new();
    for (client, lines) in [(&world.a, DELETED_LINES), (&world.b, KEPT_LINES)] {
        client.deploy("access-log", wasm.clone(), json!({})).await;
        let run = client.run("access-log", &[&lines.to_string(), "0"]).await;
        assert_eq!(run["outcome"]["exit_code"], 0, "{run}");
        runs.push(run["id"].as_str().unwrap().to_owned());
    }
    let module = world.b.upload(wasm).await.data()["digest"].clone();
    let deleted = world.a.delete(&format!("runs/{}/logs", runs[0])).await.expect(200).data();
    assert_eq!(deleted, json!({"lines": DELETED_LINES}));

    let (copy, database) = (world.host.data().join("store.new"), world.host.data().join("store/db"));
    let before_bytes = std::fs::metadata(&database).unwrap().len();
    let is_small =
        || !copy.exists() && std::fs::metadata(&database).is_ok_and(|file| file.len() < before_bytes / 2);
    let mut bound = 0;
    for kill in 0..KILLS {
        let binding = tokio::spawn(bind_until_killed(world.b.clone(), module.clone()));
        eventually("a copy", async || (copy.exists() || is_small()).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(u64::from(kill) * 10)).await;
        world.host.kill();
        bound = bound.max(binding.await.unwrap());
        world.restart();
        let kept = world.b.get("deployments/bound").await.expect(200).data();
        assert!(kept["version"].as_u64().unwrap() >= bound, "{bound} {kept}");
    }
    eventually("the copy takes the original's place", async || is_small().then_some(())).await;
    let counted = world.b.get("logs/histogram?buckets=1").await.expect(200).data();
    assert_eq!(
        (&counted["count"]["lines"], &counted["count"]["exact"]),
        (&json!(KEPT_LINES), &json!(true)),
        "{counted}"
    );
    assert_eq!(world.a.all("logs?order=asc&limit=1").await.len(), 0);
    world.kill_and_restart();
    let kept = world.b.get("deployments/bound").await.expect(200).data();
    assert!(kept["version"].as_u64().unwrap() >= bound, "{bound} {kept}");
}
