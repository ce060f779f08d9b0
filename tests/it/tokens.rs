//! Tokens that are refused: missing, wrong, expired, unsigned, and signed by somebody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use crate::harness::{Answer, World};

/// The three parts of a token, the first two as JSON.
fn parts(token: &str) -> (Value, Value, String) {
    let parts: Vec<_> = token.split('.').collect();
    let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (json(parts[0]), json(parts[1]), parts[2].to_owned())
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

fn signed(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let text = unsigned(header, claims);
    let signature = key.sign(text.as_bytes()).to_bytes();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The key of a host, as somebody who has read its data directory would have it.
fn key_of(world: &World) -> SigningKey {
    let file = world.host.data().join("keys/access-token.ed25519.pk8");
    SigningKey::from_pkcs8_der(&std::fs::read(file).unwrap()).unwrap()
}

async fn ask(world: &World, token: &str) -> Answer {
    world.a.with_token(token).get("runs").await
}

#[tokio::test]
async fn a_token_that_is_changed_in_any_part_is_refused() {
    let world = World::start().await;
    let (header, claims, signature) = parts(world.a.token());
    ask(&world, world.a.token()).await.expect(200);
    let mut changed = claims.clone();
    changed["sub"] = parts(world.b.token()).1["sub"].clone();
    let flipped: String = signature.chars().rev().collect();
    for token in [
        format!("{}.{signature}", unsigned(&header, &changed)),
        format!("{}.{flipped}", unsigned(&header, &claims)),
        format!("{}.", unsigned(&header, &claims)),
        unsigned(&header, &claims),
        "x".to_owned(),
        "a.b.c".to_owned(),
        "a".repeat(10_000),
    ] {
        ask(&world, &token).await.problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn an_unsigned_token_is_refused_however_it_says_so() {
    let world = World::start().await;
    let (header, claims, signature) = parts(world.a.token());
    for algorithm in ["none", "None", "NONE", "HS256", "ES256", "RS256", ""] {
        let mut other = header.clone();
        other["alg"] = json!(algorithm);
        let text = unsigned(&other, &claims);
        for token in [format!("{text}."), format!("{text}.{signature}")] {
            ask(&world, &token).await.problem(401, "token_invalid");
        }
    }
}

#[tokio::test]
async fn a_token_outside_its_time_is_refused() {
    let world = World::start().await;
    let key = key_of(&world);
    let (header, claims, _) = parts(world.a.token());
    ask(&world, &signed(&key, &header, &claims)).await.expect(200);
    let mut expired = claims.clone();
    for name in ["iat", "nbf", "exp"] {
        expired[name] = json!(claims[name].as_u64().unwrap() - 3_600);
    }
    ask(&world, &signed(&key, &header, &expired)).await.problem(401, "token_expired");
    let mut early = claims.clone();
    early["nbf"] = json!(claims["exp"]);
    ask(&world, &signed(&key, &header, &early)).await.problem(401, "token_invalid");
    for name in ["exp", "nbf", "iss", "aud", "sub", "sid"] {
        let mut missing = claims.clone();
        missing.as_object_mut().unwrap().remove(name);
        ask(&world, &signed(&key, &header, &missing)).await.problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn a_token_of_another_host_or_for_another_audience_is_refused() {
    let (world, other) = tokio::join!(World::start(), World::start());
    ask(&world, other.a.token()).await.problem(401, "token_invalid");
    let (header, claims, _) = parts(world.a.token());
    // The right claims and the right key's name, by the wrong key.
    ask(&world, &signed(&key_of(&other), &header, &claims)).await.problem(401, "token_invalid");
    for name in ["iss", "aud"] {
        let mut foreign = claims.clone();
        foreign[name] = json!("somebody else");
        ask(&world, &signed(&key_of(&world), &header, &foreign)).await.problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn a_token_whose_tenant_is_changed_opens_neither() {
    let world = World::start().await;
    let key = key_of(&world);
    let (header, claims, _) = parts(world.a.token());
    let (mut of_b, mut of_none, mut of_many) = (claims.clone(), claims.clone(), claims.clone());
    of_b["tid"] = parts(world.b.token()).1["tid"].clone();
    assert_ne!(of_b["tid"], claims["tid"]);
    // Signed with the host's own key: what is checked is the tenant, not the signature.
    let of_b = world.a.with_token(signed(&key, &header, &of_b));
    of_b.get("/v1/acme/runs").await.problem(401, "token_of_other_tenant");
    of_b.get("/v1/birch/runs").await.problem(404, "tenant_not_found");
    of_b.get("/v1/-/runs").await.problem(404, "tenant_not_found");
    of_none.as_object_mut().unwrap().remove("tid");
    let of_none = world.a.with_token(signed(&key, &header, &of_none));
    of_none.get("/v1/acme/runs").await.problem(401, "token_of_other_tenant");
    of_none.get("/v1/-/runs").await.problem(400, "tenant_unnamed");
    of_many["tid"] = json!([claims["tid"], parts(world.b.token()).1["tid"]]);
    ask(&world, &signed(&key, &header, &of_many)).await.problem(401, "token_invalid");
}

#[tokio::test]
async fn other_ways_to_present_a_token_are_refused() {
    let world = World::start().await;
    let path = "/v1/acme/runs";
    let ask = async |value: &str| {
        Answer::of(world.anonymous.request(reqwest::Method::GET, path).header("authorization", value)).await
    };
    ask(&format!("bearer {}", world.a.token())).await.expect(200);
    for value in ["", "Bearer", "Bearer ", "Basic YTpi"] {
        let answer = ask(value).await;
        assert_eq!(answer.status, 401, "{value}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let query = format!("{path}?access_token={}", world.a.token());
    world.anonymous.get(&query).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_ends_with_its_session() {
    let world = World::start().await;
    world.a.post("/v1/auth/sign-out", json!({})).await.expect(204);
    let answer = world.a.get("runs").await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    world.b.get("runs").await.expect(200);
}

#[tokio::test]
async fn a_one_time_link_works_once() {
    let world = World::start().await;
    let token = world.host.operator_link().split("/#/link/").nth(1).unwrap();
    for token in [token, "lnk_x", ""] {
        world.anonymous.post("/v1/auth/link", json!({"token": token})).await.problem(401, "link_invalid");
    }
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let world = World::start().await;
    let made = json!({"slug": "cedar", "name": "Cedar", "owner_email": "owner@cedar.example"});
    let made = world.operator.post("/v1/operator/tenants", made).await.expect(201).data();
    let link = made["owner_link"].as_str().unwrap().split("/#/link/").nth(1).unwrap().to_owned();
    let body = json!({"token": link, "new_password": "correct horse battery"});
    let first = world.anonymous.post("/v1/auth/link", body).await.expect(200).data();
    let refresh =
        async |token: &Value| world.anonymous.post("/v1/auth/refresh", json!({"refresh_token": token})).await;
    let second = refresh(&first["refresh_token"]).await.expect(200).data();
    let third = refresh(&second["refresh_token"]).await.expect(200).data();
    let reused = refresh(&first["refresh_token"]).await;
    reused.problem(401, "refresh_reused");
    let token = third["access_token"].as_str().unwrap();
    let ended = world.anonymous.with_token(token).get("/v1/auth/me").await;
    assert_eq!(ended.status, 401, "{}", ended.text());
    let sign_in = |password: &str| json!({"email": "owner@cedar.example", "password": password});
    world
        .anonymous
        .post("/v1/auth/sign-in", sign_in("wrong password!"))
        .await
        .problem(401, "wrong_credentials");
    world.anonymous.post("/v1/auth/sign-in", sign_in("correct horse battery")).await.expect(200);
}
