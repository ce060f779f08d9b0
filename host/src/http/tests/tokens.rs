//! Access tokens and the one tenant that each is good for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::members::join;
use super::*;

const PASSWORD: &str = "correct horse battery";

/// Header and claims of a token.
fn parts(token: &Value) -> (Value, Value) {
    let mut parts = token.as_str().unwrap().split('.');
    let mut next =
        || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap()).unwrap();
    (next(), next())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A host with the tenants `acme`, `birch` and `cedar`, and Bob, who belongs to the first two.
async fn host_with_bob() -> Host {
    let host = Host::start().await;
    let (acme, birch) = (host.owner_of("acme").await, host.owner_of("birch").await);
    host.owner_of("cedar").await;
    let (bob, _) = join(&host, &acme, "acme", "bob@example.com", "developer").await;
    let invite = json!({"email": "bob@example.com", "role": "viewer"});
    let link = host.post("/v1/birch/invitations", &birch, invite).await.data()["link"].clone();
    let token = text(&link).split_once("/#/invitation/").unwrap().1.to_owned();
    let joined = host.post("/v1/auth/invitation", &bob, json!({"token": token})).await.data();
    // Whoever accepts an invitation can go to that tenant at once.
    assert_eq!(host.get("/v1/birch/modules", &text(&joined["access_token"])).await.status, StatusCode::OK);
    host
}

async fn sign_in(host: &Host, tenant: Option<&str>) -> Reply {
    let mut body = json!({"email": "bob@example.com", "password": PASSWORD});
    if let Some(tenant) = tenant {
        body["tenant"] = json!(tenant);
    }
    host.post("/v1/auth/sign-in", "", body).await
}

async fn refresh(host: &Host, tokens: &Value, tenant: Option<&str>) -> Reply {
    let mut body = json!({"refresh_token": tokens["refresh_token"]});
    if let Some(tenant) = tenant {
        body["tenant"] = json!(tenant);
    }
    host.post("/v1/auth/refresh", "", body).await
}

/// What a request with each of the tokens' access to the modules of a tenant is answered.
async fn enter(host: &Host, tokens: &Value, tenant: &str) -> String {
    let reply = host.get(&format!("/v1/{tenant}/modules"), &text(&tokens["access_token"])).await;
    if reply.status == StatusCode::OK { "200".to_owned() } else { reply.problem() }
}

#[tokio::test]
async fn a_token_says_who_where_by_which_session_and_until_when() {
    let host = Host::start().await;
    host.owner_of("acme").await;
    let email = "owner@acme.test".parse().unwrap();
    let user = host.app.store.reader_blocking().user_by_email(&email).unwrap().unwrap();
    let link = host.app.tenancy.link_for(&user.id).await.unwrap();
    let tokens = host.post("/v1/auth/link", "", json!({"token": link.reveal()})).await.data();
    let (header, claims) = parts(&tokens["access_token"]);
    let keys = host.get("/.well-known/jwks.json", "").await.json();
    assert_eq!((&header["alg"], &header["kid"]), (&json!("EdDSA"), &keys["keys"][0]["kid"]));
    assert_eq!(claims["tid"], tokens["principal"]["memberships"][0]["tenant_id"]);
    assert_eq!(claims["tid"], tokens["tenant_id"]);
    assert_eq!(claims["sub"], tokens["principal"]["id"]);
    let sessions = host.get("/v1/auth/sessions", &text(&tokens["access_token"])).await.data();
    let current = sessions.as_array().unwrap().iter().find(|one| one["current"] == true).unwrap();
    assert_eq!(claims["sid"], current["id"]);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("cloister"), &json!("cloister")));
    let now_s = host.clock.unix_ms() / 1_000;
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now_s), &json!(now_s + 600)));
    let again = refresh(&host, &tokens, None).await.data();
    assert_ne!(parts(&again["access_token"]).1["jti"], claims["jti"]);
}

#[tokio::test]
async fn a_token_is_good_for_one_tenant_and_a_refresh_that_names_another_switches() {
    let host = host_with_bob().await;
    let first = sign_in(&host, None).await.data();
    assert_eq!(first["principal"]["memberships"].as_array().unwrap().len(), 2);
    assert_eq!(enter(&host, &first, "acme").await, "200");
    assert_eq!(enter(&host, &first, "birch").await, "401 token_of_other_tenant");
    let id = text(&first["principal"]["memberships"][1]["tenant_id"]);
    assert_eq!(enter(&host, &first, &id).await, "401 token_of_other_tenant");
    // Of a tenant that is not Bob's, the token says nothing else than of one that does not exist.
    assert_eq!(enter(&host, &first, "cedar").await, enter(&host, &first, "nobodys").await);
    let second = refresh(&host, &first, Some("birch")).await.data();
    assert_eq!(parts(&second["access_token"]).1["tid"], json!(id));
    assert_eq!(enter(&host, &second, "birch").await, "200");
    assert_eq!(enter(&host, &second, "acme").await, "401 token_of_other_tenant");
    // The older token is good for what it was, until it expires.
    assert_eq!(enter(&host, &first, "acme").await, "200");
    let third = refresh(&host, &second, Some(&text(&first["tenant_id"]))).await.data();
    assert_eq!(enter(&host, &third, "acme").await, "200");
    let there = sign_in(&host, Some("birch")).await.data();
    assert_eq!(enter(&host, &there, "birch").await, "200");
}

#[tokio::test]
async fn a_tenant_that_is_not_ones_own_cannot_be_named_and_costs_no_refresh_token() {
    let host = host_with_bob().await;
    let tokens = sign_in(&host, None).await.data();
    for named in ["cedar", "nobodys", "", "-", "ten_00000000000000000000000000", "../acme"] {
        assert_eq!(refresh(&host, &tokens, Some(named)).await.problem(), "404 tenant_not_found", "{named}");
        assert_eq!(sign_in(&host, Some(named)).await.problem(), "404 tenant_not_found", "{named}");
    }
    refresh(&host, &tokens, Some("birch")).await.data();
    let wrong = json!({"email": "bob@example.com", "password": "wrong", "tenant": "cedar"});
    assert_eq!(host.post("/v1/auth/sign-in", "", wrong).await.problem(), "401 wrong_credentials");
}

#[tokio::test]
async fn a_client_that_names_no_tenant_is_given_a_token_for_what_it_was_refused() {
    let host = host_with_bob().await;
    let first = sign_in(&host, None).await.data();
    assert_eq!(enter(&host, &first, "birch").await, "401 token_of_other_tenant");
    let second = refresh(&host, &first, None).await.data();
    assert_eq!(enter(&host, &second, "birch").await, "200");
    // It stays with that tenant, and what is named comes before what was refused.
    let third = refresh(&host, &second, None).await.data();
    assert_eq!(enter(&host, &third, "birch").await, "200");
    assert_eq!(enter(&host, &third, "acme").await, "401 token_of_other_tenant");
    let fourth = refresh(&host, &third, Some("birch")).await.data();
    assert_eq!(enter(&host, &fourth, "birch").await, "200");
    // What is not one's own is not remembered.
    assert_eq!(enter(&host, &fourth, "cedar").await, "404 tenant_not_found");
    let fifth = refresh(&host, &fourth, None).await.data();
    assert_eq!(enter(&host, &fifth, "birch").await, "200");
}

#[tokio::test]
async fn a_token_for_a_tenant_that_was_left_opens_nothing_and_the_next_is_for_another() {
    let host = host_with_bob().await;
    let tokens = sign_in(&host, None).await.data();
    let owner = host.sign_in_again("acme").await;
    let path = format!("/v1/acme/members/{}", text(&tokens["principal"]["id"]));
    assert_eq!(host.call(Method::DELETE, &path, &owner, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(enter(&host, &tokens, "acme").await, "404 tenant_not_found");
    let next = refresh(&host, &tokens, None).await.data();
    assert_eq!(enter(&host, &next, "birch").await, "200");
    assert_eq!(enter(&host, &next, "acme").await, "404 tenant_not_found");
}

#[tokio::test]
async fn a_token_of_nobodys_tenant_has_none_and_enters_once_it_was_refreshed() {
    let host = Host::start().await;
    let operator = host.operator().await;
    assert_eq!(parts(&json!(operator)).1.get("tid"), None);
    assert_eq!(host.get("/v1/-/modules", &operator).await.problem(), "400 tenant_unnamed");
    let operator_user = host.app.tenancy.ensure_operator().await.unwrap();
    let link = host.app.tenancy.link_for(&operator_user.id).await.unwrap();
    let tokens = host.post("/v1/auth/link", "", json!({"token": link.reveal()})).await.data();
    let owner = host.owner_of("acme").await;
    let invite = json!({"email": operator_user.email, "role": "viewer"});
    let link = text(&host.post("/v1/acme/invitations", &owner, invite).await.data()["link"]);
    let token = link.split_once("/#/invitation/").unwrap().1;
    host.post("/v1/auth/invitation", &operator, json!({"token": token})).await.data();
    assert_eq!(enter(&host, &tokens, "acme").await, "401 token_of_other_tenant");
    let next = refresh(&host, &tokens, None).await.data();
    assert_eq!(enter(&host, &next, "acme").await, "200");
    // Being the operator does not hang on a tenant.
    let listed = host.get("/v1/operator/tenants", &text(&next["access_token"])).await;
    assert_eq!(listed.status, StatusCode::OK);
}
