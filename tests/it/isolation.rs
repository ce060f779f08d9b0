//! Two tenants: whatever belongs to one answers the other exactly as if it did not exist.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Shape, World, fixture};

/// Everything that tells answers apart, save what names the request itself.
fn shown(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut body = answer.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    // Of these, only whether they are there: each request has its own, and each leaves one less of a rate.
    let each = ["date", "x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset"];
    let value = |name: &str, value: &str| if each.contains(&name) { String::new() } else { value.to_owned() };
    let headers = answer.headers.iter();
    let mut headers: Vec<_> = headers
        .map(|(name, text)| (name.to_string(), value(name.as_str(), text.to_str().unwrap())))
        .collect();
    headers.sort();
    (answer.status, headers, body)
}

/// Asks the same of a thing that is somebody else's and of one that is nobody's.
async fn assert_same(client: &Client, method: Method, foreign: &str, missing: &str, body: &Value) {
    let ask = async |path: &str| {
        let request = client.request(method.clone(), path);
        Answer::of(if body.is_null() { request } else { request.json(body) }).await
    };
    let (of_foreign, of_missing) = (ask(foreign).await, ask(missing).await);
    assert_eq!(of_foreign.status, 404, "{method} {foreign}: {}", of_foreign.text());
    assert_eq!(shown(&of_foreign), shown(&of_missing), "{method} {foreign}");
}

#[tokio::test]
async fn what_belongs_to_another_tenant_is_as_what_does_not_exist() {
    let world = World::start().await;
    let deployed = world.a.deploy("secret-tool", fixture("wait", Shape::Component), json!({})).await;
    let digest = deployed["active"]["module"].as_str().unwrap().to_owned();
    let run = world.a.start(json!({"command": "secret-tool"})).await;
    world.a.send(Method::PUT, "files/secret.txt", "secret").await.expect(201);
    let other_run = "run_00000000000000000000000000";
    let other_digest = "0".repeat(64);
    let none = Value::Null;
    let b = &world.b;
    // In B's own tenant, by the names and ids of A.
    for (method, foreign, missing, body) in [
        (Method::GET, format!("modules/{digest}"), format!("modules/{other_digest}"), none.clone()),
        (Method::DELETE, format!("modules/{digest}"), format!("modules/{other_digest}"), none.clone()),
        (
            Method::GET,
            "deployments/secret-tool".to_owned(),
            "deployments/other-tool".to_owned(),
            none.clone(),
        ),
        (
            Method::DELETE,
            "deployments/secret-tool".to_owned(),
            "deployments/other-tool".to_owned(),
            none.clone(),
        ),
        (
            Method::POST,
            "deployments/secret-tool/rollback".to_owned(),
            "deployments/other-tool/rollback".to_owned(),
            json!({"version": 1}),
        ),
        (Method::GET, format!("runs/{run}"), format!("runs/{other_run}"), none.clone()),
        (Method::POST, format!("runs/{run}/kill"), format!("runs/{other_run}/kill"), json!({})),
        (
            Method::POST,
            format!("runs/{run}/stdin?offset=0"),
            format!("runs/{other_run}/stdin?offset=0"),
            json!({}),
        ),
        (Method::GET, format!("runs/{run}/output"), format!("runs/{other_run}/output"), none.clone()),
        (
            Method::GET,
            format!("runs/{run}/output/stdout"),
            format!("runs/{other_run}/output/stdout"),
            none.clone(),
        ),
        (Method::GET, "files/secret.txt".to_owned(), "files/other.txt".to_owned(), none.clone()),
        (Method::DELETE, "files/secret.txt".to_owned(), "files/other.txt".to_owned(), none.clone()),
    ] {
        assert_same(b, method.clone(), &foreign, &missing, &body).await;
        // And in A's tenant: as in one that does not exist.
        let (foreign, missing) = (format!("/v1/acme/{foreign}"), format!("/v1/zzzz/{missing}"));
        assert_same(b, method, &foreign, &missing, &body).await;
    }
    // A digest that only another tenant has cannot be deployed, and a command of theirs not be run.
    let deploy = async |digest: &str| b.put("deployments/mine", json!({"module": digest})).await;
    assert_eq!(shown(&deploy(&digest).await), shown(&deploy(&other_digest).await));
    b.post("runs", json!({"command": "secret-tool"})).await.problem(404, "command_not_found");
    // Nothing of it changed, and nothing of it shows in lists.
    for list in ["modules", "deployments", "runs", "logs", "files"] {
        assert!(b.all(list).await.is_empty(), "{list}");
    }
    assert!(b.all(&format!("logs?run={run}")).await.is_empty());
    assert_eq!(world.a.get(&format!("runs/{run}")).await.expect(200).data()["status"], "running");
    assert_eq!(world.a.get("files/secret.txt").await.expect(200).text(), "secret");
    world.a.get("deployments/secret-tool").await.expect(200);
}

#[tokio::test]
async fn a_cursor_of_another_tenant_shows_nothing_of_it() {
    let world = World::start().await;
    for client in [&world.a, &world.b] {
        client.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    }
    for _ in 0..3 {
        world.a.run("lines", &["2"]).await;
    }
    let own = world.b.run("lines", &["1"]).await;
    for list in ["runs", "logs"] {
        let page = world.a.get(&format!("{list}?limit=1")).await.expect(200).json();
        let cursor = page["pagination"]["cursor"].as_str().unwrap();
        let seen = world.b.get(&format!("{list}?cursor={cursor}")).await;
        if seen.status == 200 {
            let mine = |item: &Value| item["id"] == own["id"] || item["run"] == own["id"];
            assert!(seen.data().as_array().unwrap().iter().all(mine), "{}", seen.text());
        }
    }
}

#[tokio::test]
async fn the_same_command_of_two_tenants_sees_two_directories() {
    let world = World::start().await;
    let grants = json!({"directories": [{"path": "/", "guest": "/", "access": "read_write"}]});
    for client in [&world.a, &world.b] {
        client.deploy("files", fixture("files", Shape::Core), grants.clone()).await;
        client.run("files", &["write", "/mine.txt", client.tenant()]).await;
    }
    for client in [&world.a, &world.b] {
        assert_eq!(client.run("files", &["read", "/mine.txt"]).await["output"]["stdout"], client.tenant());
        assert_eq!(client.get("files/mine.txt").await.expect(200).text(), client.tenant());
        for path in ["/../../../FORMAT", "../mine.txt", "/proc/self/environ", "/etc/passwd"] {
            assert_eq!(client.run("files", &["read", path]).await["outcome"]["exit_code"], 1, "{path}");
        }
    }
}

#[tokio::test]
async fn the_operator_runs_hosts_and_not_tenants() {
    let world = World::start().await;
    let tenants = world.operator.all("/v1/operator/tenants").await;
    let slugs: Vec<_> = tenants.iter().map(|tenant| tenant["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, ["acme", "birch"]);
    world.operator.in_tenant("acme").get("runs").await.problem(404, "tenant_not_found");
}
