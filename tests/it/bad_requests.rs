//! Requests that are refused: commands that are not there, and JSON, text and cursors that are none.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Client, Shape, World, fixture};

async fn post_raw(client: &Client, path: &str, body: &'static [u8]) -> Answer {
    Answer::of(client.request(Method::POST, path).header("content-type", "application/json").body(body)).await
}

#[tokio::test]
async fn a_command_that_is_not_there_is_named() {
    let world = World::start().await;
    for name in ["nope", "../nope", "", "NOPE"] {
        let detail = world
            .a
            .post("runs", json!({"command": name, "wait": true}))
            .await
            .problem(404, "command_not_found");
        assert!(detail.contains(&format!("`{name}`")), "{detail}");
    }
    world.a.get("deployments/nope").await.problem(404, "deployment_not_found");
    world.a.delete("deployments/nope").await.problem(404, "deployment_not_found");
    world.a.get("runs/run_00000000000000000000000000").await.problem(404, "run_not_found");
    world.a.get("runs/x").await.problem(404, "run_not_found");
    world.a.get(&format!("modules/{}", "0".repeat(64))).await.problem(404, "module_not_found");
    let deploy = json!({"module": "0".repeat(64)});
    world.a.put("deployments/it", deploy).await.problem(404, "module_not_found");
}

#[tokio::test]
async fn malformed_json_is_refused_and_says_where() {
    let world = World::start().await;
    for body in [
        &b"{"[..],
        b"",
        b"[]",
        b"null",
        b"{\"command\": 1}",
        b"{\"command\": \"a\", \"unknown\": 1}",
        b"{\"command\": \"a\"} trailing",
        b"{\"command\": \"\xff\xfe\"}",
        b"{\"command\": \"\\ud800\"}",
        &[b'['; 200_000],
    ] {
        let detail = post_raw(&world.a, "runs", body).await.problem(400, "malformed_json");
        assert!(!detail.is_empty() && !detail.contains("cloister_host"), "{detail}");
    }
    let plain = Answer::of(world.a.request(Method::POST, "runs").body("{}")).await;
    plain.problem(415, "unsupported_media_type");
    let large = vec![b' '; 3 << 20];
    let large = Answer::of(
        world.a.request(Method::POST, "runs").header("content-type", "application/json").body(large),
    );
    large.await.problem(413, "body_too_large");
}

#[tokio::test]
async fn values_out_of_bounds_are_refused() {
    let world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    let too_many = vec!["x"; 5000];
    for body in [
        json!({"command": "lines", "args": ["a\0b"]}),
        json!({"command": "lines", "args": too_many}),
        json!({"command": "lines", "args": ["x".repeat(200 << 10)]}),
        json!({"command": "lines", "stdin": {"base64": "not base64!"}}),
        json!({"command": "lines", "limits": {"wall_ms": 0}}),
    ] {
        world.a.post("runs", body).await.problem(400, "invalid_value");
    }
    for env in [json!({"A=B": "x"}), json!({"": "x"}), json!({"A": "x\0y"})] {
        let answer = world.a.post("runs", json!({"command": "lines", "env": env})).await;
        assert!((400..=422).contains(&answer.status), "{env}: {}", answer.text());
    }
    assert!(world.a.all("runs").await.is_empty());
}

#[tokio::test]
async fn grants_outside_the_tenants_directory_are_refused() {
    let world = World::start().await;
    let digest = world.a.upload(fixture("lines", Shape::Core)).await.expect(201).data()["digest"].clone();
    for path in ["../other", "/a/../../b", "/a\0b", "/./.."] {
        let grants = json!({"directories": [{"path": path, "guest": "/x", "access": "read_only"}]});
        let body = json!({"module": digest, "grants": grants});
        world.a.put("deployments/it", body).await.problem(422, "grant_invalid");
    }
    for name in ["UPPER", "with space", "a".repeat(65).as_str(), "%2e%2e%2fx"] {
        let answer = world.a.put(&format!("deployments/{name}"), json!({"module": digest})).await;
        answer.problem(400, "invalid_value");
    }
    world.a.get("deployments/it").await.problem(404, "deployment_not_found");
}

#[tokio::test]
async fn cursors_and_limits_that_are_none_are_refused() {
    let world = World::start().await;
    for list in ["modules", "deployments", "runs", "logs", "files", "/v1/operator/tenants"] {
        let client = if list.starts_with('/') { &world.operator } else { &world.a };
        for cursor in ["x", "AAAA", "%00", "%F0%9F%98%80", &"A".repeat(5000)] {
            client.get(&format!("{list}?cursor={cursor}")).await.problem(400, "malformed_cursor");
        }
        for limit in ["0", "201", "-1", "many", "99999999999999999999"] {
            client.get(&format!("{list}?limit={limit}")).await.problem(400, "malformed_query");
        }
    }
}

#[tokio::test]
async fn a_cursor_of_one_list_is_none_of_another() {
    let world = World::start().await;
    for name in ["one", "two"] {
        world.a.deploy(name, fixture("lines", Shape::Core), json!({})).await;
        world.a.run(name, &[]).await;
    }
    let page = world.a.get("runs?limit=1").await.expect(200).json();
    let cursor = page["pagination"]["cursor"].as_str().unwrap();
    for list in ["modules", "deployments", "logs"] {
        world.a.get(&format!("{list}?cursor={cursor}")).await.problem(400, "malformed_cursor");
    }
}

#[tokio::test]
async fn paths_that_are_not_utf_8_or_leave_the_directory_are_refused() {
    let world = World::start().await;
    world.a.get("files/%ff%fe").await.problem(400, "malformed_path");
    world.a.get("runs/%ff").await.problem(400, "malformed_path");
    for path in ["files/a%2f..%2f..%2fb", "files/%2e%2e/x", "files/a%00b"] {
        let answer = world.a.get(path).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.text());
        assert!(!answer.text().contains(world.host.data().to_str().unwrap()));
    }
    world.a.get("/v1/acme/nothing-here").await.problem(404, "not_found");
    world.a.delete("runs").await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_request_that_names_two_tenants_is_refused() {
    let world = World::start().await;
    world.a.get("runs?tenant=acme").await.expect(200);
    world.a.get("runs?tenant=birch").await.problem(400, "tenant_mismatch");
    let request = world.a.request(Method::GET, "runs").header("x-tenant-id", "birch");
    Answer::of(request).await.problem(400, "tenant_mismatch");
}
