//! `kill -9` at the worst moments: nothing that was answered is lost, and nothing half-made is left.

use std::path::Path;

use serde_json::json;

use crate::harness::{Shape, World, eventually, fixture, real};

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
