//! Every route of the description, asked by those who may not.

use reqwest::Method;
use serde_json::Value;

use crate::harness::{Answer, Client, World};

/// What anybody may ask. This list may only shrink.
const OPEN: [(&str, &str); 11] = [
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/.well-known/jwks.json"),
    // These take something else than an access token.
    ("POST", "/v1/auth/sign-in"),
    ("POST", "/v1/auth/link"),
    ("POST", "/v1/auth/invitation"),
    ("POST", "/v1/auth/oidc"),
    ("POST", "/v1/auth/refresh"),
    ("POST", "/v1/auth/sign-out"),
];

/// Method and path of every route.
async fn routes(world: &World) -> Vec<(Method, String)> {
    let document = world.anonymous.get("/openapi.json").await.expect(200).json();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().filter(|key| key.len() <= 7 && *key != "summary")
        {
            routes.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    assert!(routes.len() >= 60, "{routes:?}");
    routes
}

fn is_open(method: &Method, path: &str) -> bool {
    OPEN.contains(&(method.as_str(), path))
}

/// Asks a route about a tenant, with a body that is as good as any.
async fn ask(client: &Client, method: &Method, path: &str, tenant: &str) -> Answer {
    let path = path
        .replace("{tenant}", tenant)
        .replace("{digest}", &"0".repeat(64))
        .replace("{run}", "run_00000000000000000000000000")
        .replace("{stream}", "stdout")
        .replace("{line}", "1")
        .replace("{name}", "it")
        .replace("{id}", "no-such-tenant")
        .replace("{session}", "ses_00000000000000000000000000")
        .replace("{user}", "usr_00000000000000000000000000")
        .replace("{invitation}", "inv_00000000000000000000000000")
        .replace("{role}", "no-such-role")
        .replace("{key}", "key_00000000000000000000000000")
        .replace("{path}", "a.txt");
    assert!(!path.contains('{'), "{path} needs a value for its parameter here");
    let request = client.request(method.clone(), &path);
    Answer::of(if *method == Method::GET || *method == Method::DELETE {
        request
    } else {
        request.header("content-type", "application/json").body("{}")
    })
    .await
}

#[tokio::test]
async fn no_route_answers_somebody_who_has_not_signed_in() {
    let world = World::start().await;
    for (method, path) in routes(&world).await {
        if is_open(&method, &path) {
            continue;
        }
        let answer = ask(&world.anonymous, &method, &path, "acme").await;
        assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text());
        answer.problem(401, "unauthenticated");
        let wrong = ask(&world.anonymous.with_token("wrong"), &method, &path, "acme").await;
        wrong.problem(401, "token_invalid");
    }
    // The exceptions are routes, and open.
    let all = routes(&world).await;
    for (method, path) in OPEN {
        assert!(all.iter().any(|(m, p)| m.as_str() == method && p == path), "{method} {path}");
    }
}

#[tokio::test]
async fn no_route_of_a_tenant_answers_somebody_of_another() {
    let world = World::start().await;
    let id = tenant_id(&world).await;
    let mut asked = 0;
    for (method, path) in routes(&world).await {
        if !path.contains("{tenant}") {
            continue;
        }
        asked += 1;
        let missing = ask(&world.b, &method, &path, "no-such-tenant").await;
        missing.problem(404, "tenant_not_found");
        for name in ["acme", id.as_str()] {
            let foreign = ask(&world.b, &method, &path, name).await;
            assert_eq!(without_request(&foreign), without_request(&missing), "{method} {path}");
        }
    }
    assert!(asked >= 20);
}

#[tokio::test]
async fn no_route_of_the_operator_answers_an_owner() {
    let world = World::start().await;
    for (method, path) in routes(&world).await {
        if path.starts_with("/v1/operator/") {
            let answer = ask(&world.a, &method, &path, "acme").await;
            assert!(matches!(answer.status, 403 | 404), "{method} {path}: {}", answer.text());
        }
    }
}

/// The id of the tenant `acme`, which others might learn.
async fn tenant_id(world: &World) -> String {
    let me = world.a.get("/v1/auth/me").await.expect(200).data();
    me["memberships"][0]["tenant_id"].as_str().unwrap().to_owned()
}

/// An answer without what names its request.
fn without_request(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("request_id");
    (answer.status, body)
}
