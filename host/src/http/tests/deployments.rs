//! Deployments over HTTP.

use super::*;

async fn host_with_module() -> (Host, String, String) {
    let host = Host::start().await;
    let token = host.owner_of("acme").await;
    let module = host.send_bytes(Method::POST, "/v1/acme/modules", &token, WASM).await.data();
    (host, token, module["digest"].as_str().unwrap().to_owned())
}

async fn deploy(host: &Host, token: &str, name: &str, body: Value) -> Reply {
    host.call(Method::PUT, &format!("/v1/acme/deployments/{name}"), token, Some(body)).await
}

#[tokio::test]
async fn a_command_has_versions_and_can_be_rolled_back_and_removed() {
    let (host, token, module) = host_with_module().await;
    for number in 1..=2 {
        let body = json!({"module": module, "description": format!("v{number}")});
        let made = deploy(&host, &token, "hello", body).await;
        assert_eq!((made.status, &made.data()["version"]), (StatusCode::CREATED, &json!(number)));
    }
    let back = host.post("/v1/acme/deployments/hello/rollback", &token, json!({"version": 1})).await.data();
    assert_eq!((&back["version"], &back["active"]["description"]), (&json!(3), &json!("v1")));
    let shown = host.get("/v1/acme/deployments/hello", &token).await.data();
    let history: Vec<_> =
        shown["history"].as_array().unwrap().iter().map(|one| one["version"].clone()).collect();
    assert_eq!(history, [3, 2, 1]);
    let gone = host.post("/v1/acme/deployments/hello/rollback", &token, json!({"version": 9})).await;
    assert_eq!(gone.problem(), "404 version_not_found");
    let in_use = host.call(Method::DELETE, &format!("/v1/acme/modules/{module}"), &token, None).await;
    assert_eq!(in_use.problem(), "409 module_in_use");
    let removed = host.call(Method::DELETE, "/v1/acme/deployments/hello", &token, None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(host.get("/v1/acme/deployments/hello", &token).await.problem(), "404 deployment_not_found");
    let freed = host.call(Method::DELETE, &format!("/v1/acme/modules/{module}"), &token, None).await;
    assert_eq!(freed.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_cannot_run_is_not_deployed() {
    let (host, token, module) = host_with_module().await;
    let grant = |path: &str, guest: &str| json!({"path": path, "guest": guest, "access": "read_only"});
    for (body, code) in [
        (json!({"module": "0".repeat(64)}), "404 module_not_found"),
        (json!({"module": "x"}), "404 module_not_found"),
        (json!({"module": module, "limits": {"wall_ms": 60_001}}), "422 limit_above_plan"),
        (json!({"module": module, "limits": {"cpu_ms": 0}}), "400 invalid_value"),
        (json!({"module": module, "limits": {"cpus": 1}}), "400 malformed_json"),
        (json!({"module": module, "grants": {"directories": [grant("../x", "/")]}}), "422 grant_invalid"),
        (json!({"module": module, "grants": {"directories": [grant("/", "data")]}}), "422 grant_invalid"),
        (json!({"module": module, "grants": {"env": {"A=B": "x"}}}), "422 grant_invalid"),
        (json!({"module": module, "description": "x".repeat(2_000)}), "400 invalid_value"),
    ] {
        assert_eq!(deploy(&host, &token, "hello", body.clone()).await.problem(), code, "{body}");
    }
    assert_eq!(
        deploy(&host, &token, "No%20Name", json!({"module": module})).await.problem(),
        "400 invalid_value"
    );
    assert_eq!(host.get("/v1/acme/deployments", &token).await.data(), json!([]));
}

#[tokio::test]
async fn commands_are_listed_by_name_without_history() {
    let (host, token, module) = host_with_module().await;
    for name in ["b", "a", "c.d"] {
        deploy(&host, &token, name, json!({"module": module})).await.data();
    }
    let listed = host.get("/v1/acme/deployments?limit=2", &token).await.json();
    assert_eq!((&listed["data"][0]["name"], &listed["data"][1]["name"]), (&json!("a"), &json!("b")));
    assert!(listed["data"][0].get("history").is_none());
    let cursor = listed["pagination"]["cursor"].as_str().unwrap();
    let rest = host.get(&format!("/v1/acme/deployments?cursor={cursor}"), &token).await.data();
    assert_eq!(rest[0]["name"], "c.d");
    let elsewhere = host.get(&format!("/v1/acme/modules?cursor={cursor}"), &token).await;
    assert_eq!(elsewhere.problem(), "400 malformed_cursor");
}

#[tokio::test]
async fn a_module_of_another_tenant_cannot_be_deployed() {
    let (host, _, module) = host_with_module().await;
    let other = host.owner_of("other").await;
    let path = "/v1/other/deployments/hello";
    let refused = host.call(Method::PUT, path, &other, Some(json!({"module": module}))).await;
    assert_eq!(refused.problem(), "404 module_not_found");
}
