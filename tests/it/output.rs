//! `/v1/{tenant}/runs/{run}/output`: live, resumed and replayed.

use serde_json::json;

use crate::harness::{Event, Shape, World, fixture};

/// What a stream has in these events.
fn joined(events: &[Event], stream: &str) -> Vec<u8> {
    let outputs = events.iter().filter(|event| event.event == "output").map(Event::output);
    outputs.filter(|(of, _)| of == stream).flat_map(|(_, bytes)| bytes).collect()
}

#[tokio::test]
async fn output_comes_while_the_run_goes_on() {
    let world = World::start().await;
    for shape in Shape::ALL {
        world.a.deploy("wait", fixture("wait", shape), json!({})).await;
        let id = world.a.start(json!({"command": "wait"})).await;
        let mut events = world.a.events(&format!("runs/{id}/output"), None).await;
        events.until("waiting\n").await;
        assert_eq!(world.a.get(&format!("runs/{id}")).await.expect(200).data()["status"], "running");
        world.a.post(&format!("runs/{id}/kill"), json!({})).await.expect(200);
    }
}

#[tokio::test]
async fn a_follower_that_comes_back_continues_byte_for_byte() {
    let world = World::start().await;
    for shape in Shape::ALL {
        world.a.deploy("echo", fixture("echo_lines", shape), json!({})).await;
        let id = world.a.start(json!({"command": "echo", "stdin": "stream"})).await;
        let (output, stdin) = (format!("runs/{id}/output"), format!("runs/{id}/stdin"));
        let mut events = world.a.events(&output, None).await;
        let (mut seen, mut last) = events.until("ready\n").await;
        let mut offset = 0;
        for round in 1..=3 {
            let line = format!("line of round {round}\n");
            world
                .a
                .send(reqwest::Method::POST, &format!("{stdin}?offset={offset}"), line.clone())
                .await
                .expect(200);
            offset += line.len();
            let (more, id) = events.until(&format!("{round}: {line}")).await;
            seen += &more;
            last = id;
            // The connection breaks and is taken up behind the last event.
            drop(events);
            events = world.a.events(&output, Some(&last)).await;
        }
        drop(events);
        // In the middle of a chunk, too: the id counts the bytes of both streams.
        let cursor = format!("{}.0", seen.len() - 5);
        let mut events = world.a.events(&format!("{output}?cursor={cursor}"), None).await;
        assert_eq!(events.until("\n").await.0, seen[seen.len() - 5..]);
        world
            .a
            .send(reqwest::Method::POST, &format!("{stdin}?offset={offset}&eof=true"), "")
            .await
            .expect(200);
        let rest = events.rest().await;
        assert_eq!(joined(&rest, "stdout"), b"end after 3 lines\n");
        assert_eq!(rest.last().unwrap().json()["outcome"], json!({"kind": "exited", "exit_code": 0}));
        // And afterwards, from the log: the whole, and from the last id on.
        let all = world.a.events(&output, None).await.rest().await;
        assert_eq!(joined(&all, "stdout"), format!("{seen}end after 3 lines\n").into_bytes());
        let after = world.a.events(&output, Some(&last)).await.rest().await;
        assert_eq!(joined(&after, "stdout"), b"end after 3 lines\n");
        assert_eq!(after.last().unwrap().event, "exit");
    }
}

#[tokio::test]
async fn a_long_output_is_replayed_whole_from_any_place() {
    let world = World::start().await;
    world.a.deploy("flood", fixture("flood", Shape::Core), json!({})).await;
    let length = 3_000_000;
    let run = world.a.run("flood", &["both", &length.to_string()]).await;
    assert_eq!(run["output"]["truncated"], true);
    assert_eq!(run["output"]["stdout"].as_str().unwrap().len(), 1 << 20);
    let path = format!("runs/{}/output", run["id"].as_str().unwrap());
    let whole = world.a.get(&format!("{path}/stdout")).await.expect(200).body;
    assert_eq!(whole.len(), length);
    let events = world.a.events(&path, None).await.rest().await;
    for stream in ["stdout", "stderr"] {
        assert_eq!(joined(&events, stream), whole, "{stream}");
    }
    let middle = &events[events.len() / 2];
    let after = world.a.events(&path, middle.id.as_deref()).await.rest().await;
    assert_eq!(after, events[events.len() / 2 + 1..]);
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    let world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    let run = world.a.run("lines", &[]).await;
    let path = format!("runs/{}/output", run["id"].as_str().unwrap());
    for cursor in ["x", "1", "-1.0", "1.2.3", "%FF"] {
        let refused = world.a.get(&format!("{path}?cursor={cursor}")).await;
        assert!(
            ["malformed_cursor", "malformed_query"].contains(&refused.json()["code"].as_str().unwrap()),
            "{cursor}"
        );
        assert_eq!(refused.status, 400);
    }
    world.a.get(&format!("{path}/stdlog")).await.problem(404, "not_found");
}
