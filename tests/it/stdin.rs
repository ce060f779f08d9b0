//! `/v1/{tenant}/runs/{run}/stdin`: a run that is fed while it runs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, Shape, World, fixture};

async fn feed(client: &Client, id: &str, query: &str, bytes: &'static str) -> Value {
    client.send(Method::POST, &format!("runs/{id}/stdin?{query}"), bytes).await.expect(200).data()
}

#[tokio::test]
async fn a_program_answers_each_line_as_it_is_typed() {
    let world = World::start().await;
    for shape in Shape::ALL {
        world.a.deploy("echo", fixture("echo_lines", shape), json!({})).await;
        let id = world.a.start(json!({"command": "echo", "stdin": "stream"})).await;
        let mut events = world.a.events(&format!("runs/{id}/output"), None).await;
        events.until("ready\n").await;
        assert_eq!(
            feed(&world.a, &id, "offset=0", "one\n").await,
            json!({"next_offset": 4, "closed": false})
        );
        events.until("1: one\n").await;
        // Half a line is no line yet.
        feed(&world.a, &id, "offset=4", "tw").await;
        feed(&world.a, &id, "offset=6", "o\n").await;
        events.until("2: two\n").await;
        assert_eq!(feed(&world.a, &id, "offset=8&eof=true", "").await["closed"], true);
        events.until("end after 2 lines\n").await;
        let run = world.a.ended(&id).await;
        assert_eq!((&run["outcome"]["exit_code"], &run["usage"]["stdin_bytes"]), (&json!(0), &json!(8)));
    }
}

#[tokio::test]
async fn bytes_that_come_twice_count_once_and_a_gap_is_refused() {
    let world = World::start().await;
    world.a.deploy("echo", fixture("echo_lines", Shape::Core), json!({})).await;
    let id = world.a.start(json!({"command": "echo", "stdin": "stream"})).await;
    feed(&world.a, &id, "offset=0", "one\n").await;
    assert_eq!(feed(&world.a, &id, "offset=0", "one\ntwo\n").await["next_offset"], 8);
    let gap = world.a.send(Method::POST, &format!("runs/{id}/stdin?offset=9"), "x").await;
    assert!(gap.problem(409, "stdin_gap").contains('8'));
    feed(&world.a, &id, "offset=8&eof=true", "").await;
    world.a.ended(&id).await;
    let output = world.a.get(&format!("runs/{id}/output/stdout")).await.expect(200).text();
    assert_eq!(output, "ready\n1: one\n2: two\nend after 2 lines\n");
    world
        .a
        .send(Method::POST, &format!("runs/{id}/stdin?offset=8"), "x")
        .await
        .problem(409, "run_already_ended");
}

#[tokio::test]
async fn one_body_may_be_streamed_for_as_long_as_the_guest_reads() {
    let world = World::start().await;
    world.a.deploy("cat", fixture("c_cat", Shape::Core), json!({})).await;
    let id = world.a.start(json!({"command": "cat", "stdin": "stream"})).await;
    let piece = bytes::Bytes::from((0..=255).cycle().take(64 << 10).collect::<Vec<u8>>());
    let pieces = futures_util::stream::iter((0..40).map(move |_| Ok::<_, std::io::Error>(piece.clone())));
    let body = reqwest::Body::wrap_stream(pieces);
    let accepted = world.a.send(Method::POST, &format!("runs/{id}/stdin?offset=0&eof=true"), body).await;
    assert_eq!(accepted.expect(200).data()["next_offset"], 40 * (64 << 10));
    let run = world.a.ended(&id).await;
    assert_eq!(run["usage"]["stdout_bytes"], 40 * (64 << 10));
    let output = world.a.get(&format!("runs/{id}/output/stdout")).await.expect(200).body;
    let expected: Vec<u8> = (0..=255).cycle().take(40 * (64 << 10)).collect();
    assert!(output == expected);
}

#[tokio::test]
async fn input_that_was_given_at_the_start_takes_no_more() {
    let world = World::start().await;
    world.a.deploy("wait", fixture("wait", Shape::Core), json!({})).await;
    let id = world.a.start(json!({"command": "wait"})).await;
    let refused = world.a.send(Method::POST, &format!("runs/{id}/stdin?offset=0"), "x").await;
    refused.problem(409, "stdin_not_streamed");
    let both = world.a.post("runs", json!({"command": "wait", "stdin": "stream", "wait": true})).await;
    both.problem(400, "invalid_value");
}
