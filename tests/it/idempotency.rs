//! `Idempotency-Key`: what is sent twice is done once, whoever sends it, however often, and after a restart.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Client, Shape, World, fixture};

async fn keyed(client: &Client, method: Method, path: &str, key: &str, body: serde_json::Value) -> Answer {
    Answer::of(client.request(method, path).header("idempotency-key", key).json(&body)).await
}

async fn keyed_bytes(client: &Client, method: Method, path: &str, key: &str, body: Vec<u8>) -> Answer {
    Answer::of(client.request(method, path).header("idempotency-key", key).body(body)).await
}

#[tokio::test]
async fn the_first_answer_is_replayed_and_another_body_refused() {
    let mut world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    let body = json!({"command": "lines", "args": ["3"], "wait": true});
    let first = keyed(&world.a, Method::POST, "runs", "k1", body.clone()).await.expect(200);
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = keyed(&world.a, Method::POST, "runs", "k1", body.clone()).await.expect(200);
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, "true"));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    let other = json!({"command": "lines", "args": ["4"], "wait": true});
    keyed(&world.a, Method::POST, "runs", "k1", other).await.problem(422, "idempotency_key_reused");
    keyed(&world.a, Method::POST, "runs?tenant=acme", "k1", body.clone())
        .await
        .problem(422, "idempotency_key_reused");
    world.kill_and_restart();
    let after = keyed(&world.a, Method::POST, "runs", "k1", body.clone()).await.expect(200);
    assert_eq!(after.body, first.body);
    assert_eq!(world.a.all("runs").await.len(), 1);
    // The same key of another tenant is another key.
    keyed(&world.b, Method::POST, "runs", "k1", body).await.problem(404, "command_not_found");
}

#[tokio::test]
async fn a_hundred_at_once_make_one_thing() {
    let world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    let body = json!({"command": "lines", "args": ["1"]});
    let all = (0..100).map(|_| keyed(&world.a, Method::POST, "runs", "k", body.clone()));
    let answers = futures_util::future::join_all(all).await;
    let done: Vec<_> = answers.iter().filter(|answer| answer.status == 202).collect();
    assert!(!done.is_empty());
    assert!(done.iter().all(|answer| answer.body == done[0].body));
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        answer.problem(409, "idempotency_in_flight");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(world.a.all("runs").await.len(), 1);
}

#[tokio::test]
async fn a_failed_request_leaves_its_key_free() {
    let world = World::start().await;
    let body = json!({"command": "lines", "wait": true});
    keyed(&world.a, Method::POST, "runs", "k", body.clone()).await.problem(404, "command_not_found");
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    keyed(&world.a, Method::POST, "runs", "k", body).await.expect(200);
}

#[tokio::test]
async fn uploads_are_compared_by_what_streams() {
    let world = World::start().await;
    let wasm = fixture("lines", Shape::Core);
    let first = keyed_bytes(&world.a, Method::POST, "modules?name=a", "m", wasm.clone()).await.expect(201);
    // Without the key a second upload would be answered 200.
    let again = keyed_bytes(&world.a, Method::POST, "modules?name=a", "m", wasm.clone()).await.expect(201);
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, "true"));
    let mut other = wasm;
    other.push(0);
    keyed_bytes(&world.a, Method::POST, "modules?name=a", "m", other)
        .await
        .problem(422, "idempotency_key_reused");
    keyed_bytes(&world.a, Method::PUT, "files/a", "f", b"one".to_vec()).await.expect(201);
    world.a.send(Method::PUT, "files/a", "two").await.expect(201);
    keyed_bytes(&world.a, Method::PUT, "files/a", "f", b"one".to_vec()).await.expect(201);
    assert_eq!(world.a.get("files/a").await.text(), "two");
}

#[tokio::test]
async fn the_operators_one_time_link_is_shown_again_and_not_stored_in_the_clear() {
    let mut world = World::start().await;
    let body =
        json!({"slug": "cedar", "name": "Cedar", "plan": "free", "owner_email": "owner@cedar.example"});
    let first =
        keyed(&world.operator, Method::POST, "/v1/operator/tenants", "k", body.clone()).await.expect(201);
    let again =
        keyed(&world.operator, Method::POST, "/v1/operator/tenants", "k", body.clone()).await.expect(201);
    assert_eq!(first.body, again.body);
    world.operator.post("/v1/operator/tenants", body).await.problem(409, "slug_taken");
    world.host.kill();
    let link = first.data()["owner_link"].as_str().unwrap().to_owned();
    let (_, secret) = link.split_once("/#/link/").unwrap();
    let stored = std::fs::read(world.host.data().join("store/db")).unwrap();
    assert!(!stored.windows(secret.len()).any(|part| part == secret.as_bytes()));
}

#[tokio::test]
async fn the_work_goes_on_when_its_caller_goes_away() {
    let world = World::start().await;
    world.a.deploy("wait", fixture("wait", Shape::Core), json!({})).await;
    let body = json!({"command": "wait", "args": ["300"], "wait": true});
    let gone = tokio::time::timeout(
        std::time::Duration::from_millis(100),
        keyed(&world.a, Method::POST, "runs", "k", body.clone()),
    );
    drop(gone.await);
    let answer = crate::harness::eventually("the answer of the first", async || {
        let answer = keyed(&world.a, Method::POST, "runs", "k", body.clone()).await;
        (answer.status != 409).then_some(answer)
    })
    .await;
    answer.expect(200);
    assert_eq!(world.a.all("runs").await.len(), 1);
}

#[tokio::test]
async fn a_key_must_be_one() {
    let world = World::start().await;
    for bad in ["a b", "", &"k".repeat(256)] {
        let body = json!({"command": "none"});
        keyed(&world.a, Method::POST, "runs", bad, body).await.problem(400, "idempotency_key_invalid");
    }
    let two =
        world.a.request(Method::POST, "runs").header("idempotency-key", "a").header("idempotency-key", "b");
    Answer::of(two.json(&json!({"command": "none"}))).await.problem(400, "idempotency_key_invalid");
    // Strangers learn nothing of keys.
    keyed(&world.anonymous, Method::POST, "/v1/acme/runs", "k", json!({}))
        .await
        .problem(401, "unauthenticated");
}
