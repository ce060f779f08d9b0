//! Sessions: listed and ended by whoever has them. Signing keys: replaced without signing anybody out.

use super::*;

const PASSWORD: &str = "correct horse battery";

async fn with_password(host: &Host) -> String {
    let token = host.operator().await;
    host.post("/v1/auth/password", &token, json!({"new_password": PASSWORD})).await;
    token
}

async fn sign_in(host: &Host) -> String {
    let body = json!({"email": "operator@cloister.local", "password": PASSWORD});
    host.post("/v1/auth/sign-in", "", body).await.data()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_lists_and_ends_their_sessions_and_nobody_elses() {
    let host = Host::start().await;
    let first = with_password(&host).await;
    let (second, stranger) = (sign_in(&host).await, host.owner_of("acme").await);
    let list = host.get("/v1/auth/sessions", &first).await.data();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let other = list.iter().find(|one| one["current"] == false).unwrap();
    assert_eq!(other["address"], "192.0.2.1");
    let path = format!("/v1/auth/sessions/{}", other["id"].as_str().unwrap());
    let end = async |token: &str, path: &str| host.call(Method::DELETE, path, token, None).await;
    assert_eq!(end(&stranger, &path).await.problem(), "404 session_not_found");
    assert_eq!(end(&first, &path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.get("/v1/auth/me", &second).await.problem(), "401 token_invalid");
    assert_eq!(end(&first, &path).await.problem(), "404 session_not_found");
    assert_eq!(end(&first, "/v1/auth/sessions/x").await.problem(), "404 session_not_found");
    let third = sign_in(&host).await;
    assert_eq!(end(&third, "/v1/auth/sessions?keep_current=true").await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.get("/v1/auth/me", &first).await.problem(), "401 token_invalid");
    assert_eq!(end(&third, "/v1/auth/sessions").await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.get("/v1/auth/me", &third).await.problem(), "401 token_invalid");
    assert_eq!(host.get("/v1/auth/me", &stranger).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_signing_key_signs_nobody_out_unless_it_is_to() {
    let host = Host::start().await;
    let before = host.operator().await;
    let keys =
        async || host.get("/.well-known/jwks.json", "").await.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys().await.len(), 1);
    let rotate = async |token: &str, at_once: bool| {
        host.post("/v1/operator/signing-keys/rotate", token, json!({"at_once": at_once})).await
    };
    rotate(&before, false).await.data();
    let after = keys().await;
    assert_eq!(after.len(), 2);
    assert_eq!(
        (&after[0]["alg"], &after[0]["crv"], &after[0]["kty"]),
        (&json!("EdDSA"), &json!("Ed25519"), &json!("OKP"))
    );
    assert_eq!(host.get("/v1/auth/me", &before).await.status, StatusCode::OK);
    let operator = host.operator().await;
    assert_eq!(host.get("/v1/auth/me", &operator).await.status, StatusCode::OK);
    let owner = host.owner_of("acme").await;
    assert_eq!(rotate(&owner, true).await.problem(), "403 permission_denied");
    rotate(&operator, true).await.data();
    assert_eq!(host.get("/v1/auth/me", &operator).await.problem(), "401 token_invalid");
    // The first key's time goes on; that of the key replaced at once is over.
    assert_eq!(host.get("/v1/auth/me", &before).await.status, StatusCode::OK);
    host.advance_s(1_000);
    assert_eq!(keys().await.len(), 1);
}

#[tokio::test]
async fn an_account_that_is_recovered_starts_anew() {
    let host = Host::start().await;
    let (operator, owner) = (host.operator().await, host.owner_of("acme").await);
    let recover = async |email: &str, reason: &str| {
        host.post("/v1/operator/users/recover", &operator, json!({"email": email, "reason": reason})).await
    };
    assert_eq!(recover("owner@acme.test", " ").await.problem(), "400 invalid_value");
    assert_eq!(recover("nobody@acme.test", "lost").await.problem(), "404 user_not_found");
    let link = recover("owner@acme.test", "lost the phone").await.data()["link"].as_str().unwrap().to_owned();
    assert_eq!(host.get("/v1/auth/me", &owner).await.problem(), "401 token_invalid");
    let owner = host.sign_in_by_link(link.split_once("/#/link/").unwrap().1).await;
    assert_eq!(host.get("/v1/acme/modules", &owner).await.status, StatusCode::OK);
    let users = host.get("/v1/operator/users?email=ACME", &operator).await.data();
    assert_eq!(users.as_array().unwrap().len(), 1);
}
