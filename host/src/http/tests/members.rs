//! Members, invitations, roles and API keys: nobody grants more than they hold, and what is taken away ends at once.

use super::*;

/// Invites a person and accepts for them as a new account; gives their token and id.
pub(super) async fn join(host: &Host, by: &str, tenant: &str, email: &str, role: &str) -> (String, String) {
    let link = invite(host, by, tenant, email, role).await;
    let body = json!({"token": link, "new_password": "correct horse battery"});
    let tokens = host.post("/v1/auth/invitation", "", body).await.data();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&tokens["access_token"]), text(&tokens["principal"]["id"]))
}

async fn invite(host: &Host, by: &str, tenant: &str, email: &str, role: &str) -> String {
    let body = json!({"email": email, "role": role});
    let invited = host.post(&format!("/v1/{tenant}/invitations"), by, body).await.data();
    let link = invited["link"].as_str().unwrap();
    link.split_once("/#/invitation/").unwrap().1.to_owned()
}

/// Makes an API key and gives it.
pub(super) async fn key(host: &Host, by: &str, tenant: &str, permissions: Value) -> String {
    let body = json!({"name": "test", "permissions": permissions});
    let made = host.post(&format!("/v1/{tenant}/keys"), by, body).await.data();
    made["secret"].as_str().unwrap().to_owned()
}

async fn put(host: &Host, path: &str, token: &str, body: Value) -> Reply {
    host.call(Method::PUT, path, token, Some(body)).await
}

async fn delete(host: &Host, path: &str, token: &str) -> Reply {
    host.call(Method::DELETE, path, token, None).await
}

#[tokio::test]
async fn an_invited_person_joins_once_with_the_role_of_the_invitation() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let link = invite(&host, &owner, "acme", "Bob@Example.com", "developer").await;
    let open = host.get("/v1/acme/invitations", &owner).await.data();
    assert_eq!((&open[0]["email"], &open[0]["role"]), (&json!("bob@example.com"), &json!("developer")));
    let short = json!({"token": link, "new_password": "short"});
    assert_eq!(host.post("/v1/auth/invitation", "", short).await.problem(), "400 password_invalid");
    let accept = json!({"token": link, "new_password": "correct horse battery"});
    let tokens = host.post("/v1/auth/invitation", "", accept.clone()).await.data();
    let membership = &tokens["principal"]["memberships"][0];
    assert_eq!(membership["role"], "developer");
    let allows =
        |permission: &str| membership["permissions"].as_array().unwrap().contains(&json!(permission));
    assert!(allows("module:upload") && !allows("member:write"), "{membership}");
    let bob = tokens["access_token"].as_str().unwrap();
    assert_eq!(host.get("/v1/acme/members", bob).await.data().as_array().unwrap().len(), 2);
    assert_eq!(host.post("/v1/auth/invitation", "", accept).await.problem(), "401 link_invalid");
    assert_eq!(host.get("/v1/acme/invitations", &owner).await.data(), json!([]));
    let again = json!({"email": "bob@example.com", "role": "viewer"});
    assert_eq!(host.post("/v1/acme/invitations", &owner, again).await.problem(), "409 already_member");
    let in_password = json!({"email": "bob@example.com", "password": "correct horse battery"});
    host.post("/v1/auth/sign-in", "", in_password).await.data();
}

#[tokio::test]
async fn an_invitation_never_opens_somebodys_account() {
    let host = Host::start().await;
    let (acme, birch) = (host.owner_of("acme").await, host.owner_of("birch").await);
    // The owner of birch is invited to acme. Whoever has the link cannot become them.
    let link = invite(&host, &acme, "acme", "owner@birch.test", "viewer").await;
    let body = json!({"token": link, "new_password": "correct horse battery"});
    assert_eq!(host.post("/v1/auth/invitation", "", body.clone()).await.problem(), "409 sign_in_first");
    assert_eq!(host.post("/v1/auth/invitation", &acme, body.clone()).await.problem(), "409 sign_in_first");
    let tokens = host.post("/v1/auth/invitation", &birch, json!({"token": link})).await.data();
    assert_eq!(tokens["principal"]["memberships"].as_array().unwrap().len(), 2);
    assert_eq!(tokens["principal"]["email"], "owner@birch.test");
}

#[tokio::test]
async fn an_account_that_a_tenant_invented_is_reclaimed_when_the_operator_names_it() {
    let host = Host::start().await;
    let (operator, acme) = (host.operator().await, host.owner_of("acme").await);
    // acme's owner accepts an invitation to an address that is not theirs.
    let (squatter, _) = join(&host, &acme, "acme", "ceo@big.test", "viewer").await;
    assert_eq!(host.get("/v1/auth/me", &squatter).await.status, StatusCode::OK);
    let new = json!({"slug": "big", "name": "Big", "owner_email": "ceo@big.test"});
    let made = host.post("/v1/operator/tenants", &operator, new).await.data();
    assert_eq!(host.get("/v1/auth/me", &squatter).await.problem(), "401 token_invalid");
    let password = json!({"email": "ceo@big.test", "password": "correct horse battery"});
    assert_eq!(host.post("/v1/auth/sign-in", "", password).await.problem(), "401 wrong_credentials");
    let link = made["owner_link"].as_str().unwrap().split_once("/#/link/").unwrap().1;
    let tokens = host.post("/v1/auth/link", "", json!({"token": link})).await.data();
    // They are a member of acme too, which came first.
    let switch = json!({"refresh_token": tokens["refresh_token"], "tenant": "big"});
    let tokens = host.post("/v1/auth/refresh", "", switch).await.data();
    let ceo = tokens["access_token"].as_str().unwrap().to_owned();
    assert_eq!(host.get("/v1/big/members", &ceo).await.data()[0]["role"], "owner");
}

#[tokio::test]
async fn an_invitation_is_good_only_as_long_as_its_sender_could_send_it() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let (admin, id) = join(&host, &owner, "acme", "admin@acme.test", "admin").await;
    let accept = async |link: &str| host.post("/v1/auth/invitation", "", json!({"token": link})).await;
    let revoked = invite(&host, &admin, "acme", "a@acme.test", "viewer").await;
    let open = host.get("/v1/acme/invitations", &admin).await.data();
    let path = format!("/v1/acme/invitations/{}", open[0]["id"].as_str().unwrap());
    assert_eq!(delete(&host, &path, &admin).await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete(&host, &path, &admin).await.problem(), "404 invitation_not_found");
    assert_eq!(accept(&revoked).await.problem(), "401 link_invalid");
    let demoted = invite(&host, &admin, "acme", "b@acme.test", "admin").await;
    let member = format!("/v1/acme/members/{id}");
    put(&host, &member, &owner, json!({"role": "viewer"})).await;
    assert_eq!(accept(&demoted).await.problem(), "401 link_invalid");
    put(&host, &member, &owner, json!({"role": "admin"})).await;
    let gone = invite(&host, &admin, "acme", "c@acme.test", "viewer").await;
    assert_eq!(delete(&host, &member, &owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(accept(&gone).await.problem(), "401 link_invalid");
    let late = invite(&host, &owner, "acme", "d@acme.test", "viewer").await;
    host.advance_s(7 * 24 * 3_600);
    assert_eq!(accept(&late).await.problem(), "401 link_invalid");
}

#[tokio::test]
async fn nobody_grants_more_than_they_hold() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let owner_id = host.get("/v1/auth/me", &owner).await.data()["id"].as_str().unwrap().to_owned();
    let (admin, admin_id) = join(&host, &owner, "acme", "admin@acme.test", "admin").await;
    let invite_owner = json!({"email": "x@acme.test", "role": "owner"});
    assert_eq!(
        host.post("/v1/acme/invitations", &admin, invite_owner).await.problem(),
        "403 grants_too_much"
    );
    let promote = json!({"role": "owner"});
    let own = format!("/v1/acme/members/{admin_id}");
    assert_eq!(put(&host, &own, &admin, promote).await.problem(), "403 grants_too_much");
    let owners = format!("/v1/acme/members/{owner_id}");
    assert_eq!(put(&host, &owners, &admin, json!({"role": "viewer"})).await.problem(), "403 grants_too_much");
    assert_eq!(delete(&host, &owners, &admin).await.problem(), "403 grants_too_much");
    let role = json!({"permissions": ["tenant:export"]});
    assert_eq!(put(&host, "/v1/acme/roles/leak", &admin, role).await.problem(), "403 grants_too_much");
    let key = json!({"name": "k", "permissions": ["tenant:export"]});
    assert_eq!(host.post("/v1/acme/keys", &admin, key).await.problem(), "403 grants_too_much");
}

#[tokio::test]
async fn a_custom_role_allows_what_it_lists_and_changes_at_once() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let role = |permissions: Value| json!({"description": "Reports", "permissions": permissions});
    let path = "/v1/acme/roles/reports";
    put(&host, path, &owner, role(json!(["run:create:report-*", "log:read"]))).await.data();
    let (member, id) = join(&host, &owner, "acme", "bob@acme.test", "reports").await;
    let run = |command: &str| json!({"command": command, "wait": true});
    let reply = async |command: &str| host.post("/v1/acme/runs", &member, run(command)).await.problem();
    assert_eq!(reply("report-x").await, "404 command_not_found");
    assert_eq!(reply("other").await, "403 permission_denied");
    assert_eq!(host.get("/v1/acme/logs", &member).await.status, StatusCode::OK);
    assert_eq!(host.get("/v1/acme/modules", &member).await.problem(), "403 permission_denied");
    put(&host, path, &owner, role(json!(["module:read"]))).await.data();
    assert_eq!(host.get("/v1/acme/logs", &member).await.problem(), "403 permission_denied");
    assert_eq!(host.get("/v1/acme/modules", &member).await.status, StatusCode::OK);
    assert_eq!(delete(&host, path, &owner).await.problem(), "409 role_in_use");
    put(&host, &format!("/v1/acme/members/{id}"), &owner, json!({"role": "viewer"})).await;
    assert_eq!(delete(&host, path, &owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(delete(&host, path, &owner).await.problem(), "404 role_not_found");
    let roles = host.get("/v1/acme/roles", &owner).await.data();
    assert_eq!(roles.as_array().unwrap().len(), 5);
    for (name, body, problem) in [
        ("owner", role(json!(["log:read"])), "400 invalid_value"),
        ("No", role(json!(["log:read"])), "400 invalid_value"),
        ("ok", role(json!(["log:reed"])), "400 invalid_value"),
        ("ok", role(json!([])), "422 role_invalid"),
        ("ok", json!({"permissions": ["log:read"], "description": "x".repeat(501)}), "422 role_invalid"),
    ] {
        assert_eq!(put(&host, &format!("/v1/acme/roles/{name}"), &owner, body).await.problem(), problem);
    }
}

#[tokio::test]
async fn a_tenant_keeps_an_owner_and_everybody_else_may_leave() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let id = host.get("/v1/auth/me", &owner).await.data()["id"].as_str().unwrap().to_owned();
    let own = format!("/v1/acme/members/{id}");
    assert_eq!(delete(&host, &own, &owner).await.problem(), "409 last_owner");
    assert_eq!(put(&host, &own, &owner, json!({"role": "admin"})).await.problem(), "409 last_owner");
    let (second, second_id) = join(&host, &owner, "acme", "second@acme.test", "owner").await;
    assert_eq!(delete(&host, &own, &owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.get("/v1/acme/modules", &owner).await.problem(), "404 tenant_not_found");
    let last = format!("/v1/acme/members/{second_id}");
    assert_eq!(delete(&host, &last, &second).await.problem(), "409 last_owner");
    let (viewer, viewer_id) = join(&host, &second, "acme", "viewer@acme.test", "viewer").await;
    let leave = format!("/v1/acme/members/{viewer_id}");
    assert_eq!(delete(&host, &leave, &viewer).await.status, StatusCode::NO_CONTENT);
    for unknown in ["usr_00000000000000000000000000", "nobody"] {
        let path = format!("/v1/acme/members/{unknown}");
        assert_eq!(delete(&host, &path, &second).await.problem(), "404 member_not_found");
    }
}

#[tokio::test]
async fn an_api_key_does_what_it_lists_until_it_expires_or_is_revoked() {
    let host = Host::start().await;
    let (owner, _other) = (host.owner_of("acme").await, host.owner_of("birch").await);
    let body = json!({"name": "ci", "permissions": ["run:create:report-*", "log:read"], "ttl_s": 3600});
    let made = host.post("/v1/acme/keys", &owner, body).await.data();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("clo_") && secret.starts_with(made["key"]["prefix"].as_str().unwrap()));
    assert_eq!(host.get("/v1/acme/logs", &secret).await.status, StatusCode::OK);
    assert_eq!(host.get("/v1/acme/modules", &secret).await.problem(), "403 permission_denied");
    let run = json!({"command": "other"});
    assert_eq!(host.post("/v1/acme/runs", &secret, run).await.problem(), "403 permission_denied");
    assert_eq!(host.get("/v1/birch/logs", &secret).await.problem(), "404 tenant_not_found");
    assert_eq!(host.get("/v1/operator/tenants", &secret).await.problem(), "403 permission_denied");
    let password = json!({"new_password": "correct horse battery"});
    assert_eq!(host.post("/v1/auth/password", &secret, password).await.problem(), "403 session_required");
    assert_eq!(host.get("/v1/auth/sessions", &secret).await.problem(), "403 session_required");
    let me = host.get("/v1/auth/me", &secret).await.data();
    assert_eq!((me["id"].clone(), me["operator"].clone()), (made["key"]["id"].clone(), json!(false)));
    let list = host.get("/v1/acme/keys", &owner).await;
    assert!(!String::from_utf8_lossy(&list.body).contains(&secret));
    for wrong in [&secret[..secret.len() - 1], "clo_x", "clo_.", &secret.replace("clo_", "clo_0")] {
        assert_eq!(host.get("/v1/acme/logs", wrong).await.problem(), "401 token_invalid");
    }
    host.advance_s(3_600);
    assert_eq!(host.get("/v1/acme/logs", &secret).await.problem(), "401 token_expired");
}

#[tokio::test]
async fn a_key_ends_with_its_revocation_or_its_makers_membership_and_shrinks_with_their_role() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let (bob, id) = join(&host, &owner, "acme", "bob@acme.test", "developer").await;
    let secret = key(&host, &bob, "acme", json!(["module:read", "file:write"])).await;
    assert_eq!(host.get("/v1/acme/modules", &secret).await.status, StatusCode::OK);
    let write = async || host.send_bytes(Method::PUT, "/v1/acme/files/a", &secret, b"x").await;
    assert_eq!(write().await.status, StatusCode::CREATED);
    let member = format!("/v1/acme/members/{id}");
    put(&host, &member, &owner, json!({"role": "viewer"})).await;
    assert_eq!(write().await.problem(), "403 permission_denied");
    assert_eq!(host.get("/v1/acme/modules", &secret).await.status, StatusCode::OK);
    delete(&host, &member, &owner).await;
    assert_eq!(host.get("/v1/acme/modules", &secret).await.problem(), "401 token_invalid");
    let secret = key(&host, &owner, "acme", json!(["key:write", "module:read"])).await;
    let keys = host.get("/v1/acme/keys", &owner).await.data();
    assert_eq!(keys.as_array().unwrap().len(), 1, "bob's went with him: {keys}");
    // A key makes no key, so that none outlives its revocation.
    let child = json!({"name": "child", "permissions": ["module:read"]});
    assert_eq!(host.post("/v1/acme/keys", &secret, child).await.problem(), "403 session_required");
    let path = format!("/v1/acme/keys/{}", keys[0]["id"].as_str().unwrap());
    assert_eq!(delete(&host, &path, &owner).await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.get("/v1/acme/modules", &secret).await.problem(), "401 token_invalid");
    assert_eq!(delete(&host, &path, &owner).await.problem(), "404 key_not_found");
}

#[tokio::test]
async fn a_key_that_cannot_be_is_refused() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    for (body, problem) in [
        (json!({"name": " ", "permissions": ["log:read"]}), "422 key_invalid"),
        (json!({"name": "k", "permissions": []}), "422 key_invalid"),
        (json!({"name": "k", "permissions": ["log:read"], "ttl_s": 1}), "422 key_invalid"),
        (json!({"name": "k", "permissions": ["log:read"], "ttl_s": u64::MAX}), "422 key_invalid"),
        (json!({"name": "k", "permissions": ["all"]}), "400 invalid_value"),
        (json!({"name": "k"}), "400 malformed_json"),
    ] {
        assert_eq!(host.post("/v1/acme/keys", &owner, body).await.problem(), problem);
    }
}

#[tokio::test]
async fn a_key_remembers_its_last_use() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let secret = key(&host, &owner, "acme", json!(["module:read"])).await;
    host.get("/v1/acme/modules", &secret).await.data();
    for _ in 0..1_000 {
        if host.get("/v1/acme/keys", &owner).await.data()[0]["last_used_at"].is_string() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the use was not recorded");
}
