//! Secrets over HTTP: set, named, never answered.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::Host;

const PATH: &str = "/v1/acme/secrets/API_KEY";

async fn put(host: &Host, token: &str, path: &str, value: &str) -> super::Reply {
    host.call(Method::PUT, path, token, Some(json!({"value": value}))).await
}

#[tokio::test]
async fn a_secret_is_set_named_replaced_and_removed_and_never_shown() {
    let host = Host::start().await;
    let token = host.owner_of("acme").await;
    let made = put(&host, &token, PATH, "hush-hush").await;
    assert_eq!((made.status, &made.data()["name"]), (StatusCode::CREATED, &json!("API_KEY")));
    assert_eq!(put(&host, &token, PATH, "hush-again").await.status, StatusCode::OK);
    let listed = host.get("/v1/acme/secrets", &token).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 1);
    for reply in [made, listed] {
        assert!(!reply.json().to_string().contains("hush"), "{}", reply.json());
    }
    host.app.store.commit().await.unwrap();
    let stored = std::fs::read(host.dir.path().join("data/store/db")).unwrap();
    assert!(!stored.windows(4).any(|part| part == b"hush"), "it is sealed at rest");
    assert_eq!(host.call(Method::DELETE, PATH, &token, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.call(Method::DELETE, PATH, &token, None).await.problem(), "404 secret_not_found");
}

#[tokio::test]
async fn what_cannot_be_a_secret_is_refused() {
    let host = Host::start().await;
    let token = host.owner_of("acme").await;
    for value in [String::new(), "a\0b".to_owned(), "x".repeat(16_385)] {
        assert_eq!(put(&host, &token, PATH, &value).await.problem(), "400 invalid_value");
    }
    assert_eq!(put(&host, &token, "/v1/acme/secrets/-a", "x").await.problem(), "400 invalid_value");
    let number = host.call(Method::PUT, PATH, &token, Some(json!({"value": 271_828}))).await;
    assert_eq!(number.problem(), "400 malformed_json");
    assert!(!number.json().to_string().contains("271828"), "{}", number.json());
    for number in 0..100 {
        let made = put(&host, &token, &format!("/v1/acme/secrets/s{number}"), "x").await;
        assert_eq!(made.status, StatusCode::CREATED);
    }
    assert_eq!(put(&host, &token, PATH, "x").await.problem(), "409 too_many_secrets");
    assert_eq!(put(&host, &token, "/v1/acme/secrets/s7", "y").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_secret_of_another_tenant_is_none() {
    let host = Host::start().await;
    let (token, other) = (host.owner_of("acme").await, host.owner_of("other").await);
    put(&host, &token, PATH, "hush").await.data();
    assert_eq!(host.get("/v1/other/secrets", &other).await.data(), json!([]));
    let foreign = host.call(Method::DELETE, "/v1/other/secrets/API_KEY", &other, None).await;
    assert_eq!(foreign.problem(), "404 secret_not_found");
    assert_eq!(host.get("/v1/acme/secrets", &token).await.data()[0]["name"], "API_KEY");
}
