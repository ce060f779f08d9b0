//! `/v1/{tenant}/logs`: every line afterwards, by run, stream, level, text and time, and while it is written.

use serde_json::{Value, json};

use crate::harness::{Shape, World, fixture};

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn lines_are_found_by_run_stream_text_and_order() {
    let world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    world.a.deploy("other", fixture("lines", Shape::Component), json!({})).await;
    let first = world.a.run("lines", &["3"]).await["id"].as_str().unwrap().to_owned();
    let second = world.a.run("other", &["1"]).await["id"].as_str().unwrap().to_owned();
    let of_run = world.a.all(&format!("logs?run={first}&order=asc&limit=2")).await;
    assert_eq!(texts(&of_run), ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"]);
    assert!(of_run.iter().all(|line| line["run"] == json!(first) && line["command"] == "lines"));
    let errors = world.a.all("logs?stream=stderr&order=asc").await;
    assert_eq!(texts(&errors), ["err 1", "err 2", "err 3", "err 1"]);
    assert_eq!(texts(&world.a.all("logs").await)[0], "err 1");
    assert_eq!(world.a.all("logs?command=other").await.len(), 2);
    assert_eq!(texts(&world.a.all(&format!("logs?text=out&run={second}")).await), ["out 1"]);
    let sequence: Vec<_> =
        world.a.all("logs?order=asc").await.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(sequence, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn lines_are_found_by_time() {
    let world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    for _ in 0..3 {
        world.a.run("lines", &["1"]).await;
    }
    let all = world.a.all("logs?order=asc").await;
    let time = |index: usize| all[index]["time"].as_str().unwrap().to_owned();
    let from = world.a.all(&format!("logs?order=asc&from={}", time(2))).await;
    let expected: Vec<_> =
        all.iter().filter(|line| line["time"].as_str().unwrap() >= time(2).as_str()).cloned().collect();
    assert_eq!(from, expected);
    let to = world.a.all(&format!("logs?order=asc&to={}", time(2))).await;
    assert_eq!(to.len() + from.len(), all.len());
    assert!(world.a.all("logs?to=2001-01-01T00:00:00Z").await.is_empty());
    world.a.get("logs?from=yesterday").await.problem(400, "invalid_value");
}

#[tokio::test]
async fn levels_are_read_from_the_lines_themselves() {
    let world = World::start().await;
    for shape in Shape::ALL {
        world.a.deploy("log", fixture("log_lines", shape), json!({})).await;
        let id = world.a.run("log", &[]).await["id"].as_str().unwrap().to_owned();
        let lines = world.a.all(&format!("logs?order=asc&run={id}")).await;
        let levels: Vec<_> = lines.iter().map(|line| line["level"].as_str().unwrap_or("none")).collect();
        assert_eq!(levels, ["trace", "debug", "info", "warn", "error", "none", "none"], "{lines:?}");
        let errors = world.a.all(&format!("logs?level=error,warn&run={id}")).await;
        assert_eq!(errors.len(), 2);
    }
}

#[tokio::test]
async fn how_a_run_died_is_in_its_log() {
    let world = World::start().await;
    world.a.deploy("trap", fixture("trap", Shape::Core), json!({})).await;
    let id = world.a.run("trap", &[]).await["id"].as_str().unwrap().to_owned();
    let system = world.a.all(&format!("logs?order=asc&stream=system&run={id}")).await;
    assert!(texts(&system)[0].starts_with("the guest trapped"), "{system:?}");
    assert_eq!(system[0]["level"], "error");
}

#[tokio::test]
async fn a_follower_gets_each_line_once_also_after_a_break() {
    let world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    world.a.run("lines", &["2"]).await;
    let mut events = world.a.events("logs?order=asc", None).await;
    let mut seen = Vec::new();
    let mut last = None;
    while seen.len() < 3 {
        let event = events.next().await.unwrap();
        assert_eq!(event.event, "line");
        seen.push(event.json());
        last = event.id;
    }
    drop(events);
    world.a.run("lines", &["1"]).await;
    let mut events = world.a.events("logs?order=asc", last.as_deref()).await;
    while seen.len() < 6 {
        seen.push(events.next().await.unwrap().json());
    }
    assert_eq!(seen, world.a.all("logs?order=asc").await);
}

#[tokio::test]
async fn the_lines_of_a_run_are_deleted_and_what_it_wrote_is_told_as_a_gap() {
    let world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    let first = world.a.run("lines", &["3"]).await["id"].as_str().unwrap().to_owned();
    let second = world.a.run("lines", &["1"]).await["id"].as_str().unwrap().to_owned();
    let before = world.a.all("logs?order=asc").await;
    let deleted = world.a.delete(&format!("runs/{first}/logs")).await.expect(200).data();
    assert_eq!(deleted, json!({"lines": 6}));
    assert_eq!(world.a.all("logs?order=asc").await, before[6..]);
    assert_eq!(world.a.all(&format!("logs?run={first}")).await, Vec::<Value>::new());
    assert_eq!(world.a.all(&format!("logs?run={second}")).await.len(), 2);
    world.a.get("logs/1").await.problem(410, "line_deleted");
    world.a.get("logs/1/context").await.problem(410, "line_deleted");
    assert_eq!(world.a.get("logs/7").await.expect(200).data(), before[6]);

    let mut events = world.a.events(&format!("runs/{first}/output"), None).await;
    let mut told = Vec::new();
    loop {
        let event = events.next().await.unwrap();
        if event.event == "exit" {
            break;
        }
        told.push((event.event.clone(), event.json()));
    }
    let gap = |stream: &str| ("gap".to_owned(), json!({"stream": stream, "from": 0, "to": 18}));
    assert_eq!(told, [gap("stdout"), gap("stderr")]);

    let missing = world.a.delete("runs/run_00000000000000000000000000/logs").await;
    missing.problem(404, "run_not_found");
    let records = world.a.all("audit?action=log:delete&order=asc").await;
    assert_eq!(records[0]["resource"], json!(first), "{records:?}");
    assert_eq!(records[0]["outcome"], "done");
}

#[tokio::test]
async fn the_lines_of_a_run_that_goes_on_stay() {
    let world = World::start().await;
    world.a.deploy("echo", fixture("echo_lines", Shape::Core), json!({})).await;
    let body = json!({"command": "echo", "stdin": "stream"});
    let id = world.a.post("runs", body).await.expect(202).data()["id"].as_str().unwrap().to_owned();
    world.a.delete(&format!("runs/{id}/logs")).await.problem(409, "run_not_ended");
    world.a.post(&format!("runs/{id}/kill"), json!({})).await.expect(200);
    world.a.delete(&format!("runs/{id}/logs")).await.expect(200);
}
