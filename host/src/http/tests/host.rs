//! Routes of the host itself, and what every route has in common.

use std::collections::BTreeSet;

use super::*;
use crate::http::{Routes, openapi};

#[tokio::test]
async fn every_route_is_described_and_every_description_has_a_route() {
    let routes: BTreeSet<String> = Routes::all()
        .names()
        .iter()
        .map(|(method, path)| format!("{method} {}", path.replace("{*", "{")))
        .collect();
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    assert_eq!(routes, described);
}

#[tokio::test]
async fn every_route_of_a_tenant_refuses_a_stranger_and_hides_a_foreign_tenant() {
    let host = Host::start().await;
    host.owner_of("theirs").await;
    let mine = host.owner_of("mine").await;
    for (method, path) in Routes::all().names() {
        let Some(rest) = path.strip_prefix("/v1/{tenant}/") else { continue };
        let rest = rest.replace("{*path}", "a").replace(['{', '}'], "");
        let anonymous = host.call(method.clone(), &format!("/v1/mine/{rest}"), "", Some(json!({}))).await;
        assert_eq!(anonymous.problem(), "401 unauthenticated", "{method} {path}");
        let mut foreign =
            host.call(method.clone(), &format!("/v1/theirs/{rest}"), &mine, Some(json!({}))).await;
        let mut unknown =
            host.call(method.clone(), &format!("/v1/nobodys/{rest}"), &mine, Some(json!({}))).await;
        assert_eq!(foreign.problem(), "404 tenant_not_found", "{method} {path}");
        for reply in [&mut foreign, &mut unknown] {
            let mut problem = reply.json();
            problem["request_id"] = Value::Null;
            reply.body = problem.to_string().into_bytes();
            reply.headers.remove("x-request-id");
            reply.headers.remove("content-length");
            // Both say what is left, and the second has one less.
            assert!(reply.headers.remove("x-ratelimit-remaining").is_some(), "{method} {path}");
            reply.headers.remove("x-ratelimit-reset");
        }
        assert_eq!((foreign.body, foreign.headers), (unknown.body, unknown.headers), "{method} {path}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_below_v1_and_the_console_elsewhere() {
    let host = Host::start().await;
    assert_eq!(host.get("/v1/nothing/here/at/all", "").await.problem(), "404 not_found");
    assert_eq!(host.get("/v1", "").await.problem(), "404 not_found");
    let wrong = host.call(Method::DELETE, "/v1/auth/sign-in", "", None).await;
    assert_eq!(wrong.problem(), "405 method_not_allowed");
    assert_eq!(wrong.headers["allow"], "POST");
    let page = host.get("/runs/some-page", "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("style-src 'self';"));
    assert_eq!(host.get("/assets/missing.js", "").await.problem(), "404 not_found");
    assert_eq!(host.call(Method::POST, "/runs", "", None).await.problem(), "404 not_found");
}

#[tokio::test]
async fn the_console_is_in_the_binary_when_it_was_built_before() {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/dist/index.html");
    let host = Host::start().await;
    let page = host.get("/", "").await;
    match std::fs::read(built) {
        Ok(index) => assert_eq!(page.body, index),
        Err(_) => assert!(String::from_utf8_lossy(&page.body).contains("without the browser console")),
    }
}

#[tokio::test]
async fn health_metrics_and_the_description_need_no_token() {
    let host = Host::start().await;
    assert_eq!(host.get("/healthz", "").await.body, b"ok\n");
    assert_eq!(host.get("/readyz", "").await.body, b"ok\n");
    assert_eq!(host.get("/openapi.json", "").await.json()["info"]["title"], "Cloister");
    let metrics = String::from_utf8(host.get("/metrics", "").await.body).unwrap();
    assert!(metrics.contains("route=\"/healthz\",status=\"200\"} 1"), "{metrics}");
    host.app.stopping.cancel();
    assert_eq!(host.get("/readyz", "").await.problem(), "503 not_ready");
}

#[tokio::test]
async fn labels_of_metrics_stay_bounded() {
    let host = Host::start().await;
    for number in 0..50 {
        host.get(&format!("/v1/t{number}/modules"), "").await;
        host.get(&format!("/page/{number}"), "").await;
        let made_up = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        host.call(made_up, "/healthz", "", None).await;
    }
    let metrics = String::from_utf8(host.get("/metrics", "").await.body).unwrap();
    assert!(metrics.matches("cloister_http_requests_total{").count() < 10, "{metrics}");
}

#[tokio::test]
async fn a_full_disk_refuses_new_work_and_is_not_ready() {
    let host = Host::start_with(|config| config.store.low_disk_bytes = 0).await;
    let token = host.owner_of("acme").await;
    let full = Host::start_with(|config| config.store.low_disk_bytes = u64::MAX).await;
    assert_eq!(full.get("/readyz", "").await.problem(), "507 disk_full");
    let new = json!({"slug": "acme", "name": "A", "owner_email": "a@b"});
    let operator = full.operator().await;
    assert_eq!(full.post("/v1/operator/tenants", &operator, new).await.problem(), "507 disk_full");
    assert_eq!(host.get("/v1/acme/modules", &token).await.status, StatusCode::OK);
}
