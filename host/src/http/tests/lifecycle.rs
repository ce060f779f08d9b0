//! A tenant's life under the operator: settings, suspension, taking down, erasing.

use super::members::{join, key};
use super::*;

async fn operate(host: &Host, operator: &str, what: &str, body: Value) -> Reply {
    host.post(&format!("/v1/operator/tenants/{what}"), operator, body).await
}

/// Uploads the test's module and binds a command to it.
async fn deploy(host: &Host, token: &str, tenant: &str) -> String {
    let uploaded = host.send_bytes(Method::POST, &format!("/v1/{tenant}/modules"), token, WASM).await.data();
    let digest = uploaded["digest"].as_str().unwrap().to_owned();
    let path = format!("/v1/{tenant}/deployments/nothing");
    let made = host.call(Method::PUT, &path, token, Some(json!({"module": digest}))).await;
    assert_eq!(made.status, StatusCode::CREATED);
    digest
}

#[tokio::test]
async fn the_operator_sees_and_changes_tenants() {
    let host = Host::start().await;
    let operator = host.operator().await;
    let new = json!({
        "slug": "acme", "name": "Acme", "owner_email": "ann@acme.test", "region": "eu-1",
        "limits": {"modules": 1}, "metadata": {"contract": "7"}, "features": {"beta": true},
        "branding": {"colors": {"background": "#ffffff", "text": "#111111", "accent": "#0000ee"}}
    });
    let made = host.post("/v1/operator/tenants", &operator, new).await.data();
    let owner =
        host.sign_in_by_link(made["owner_link"].as_str().unwrap().split_once("/#/link/").unwrap().1).await;
    host.owner_of("birch").await;
    let shown = host.get("/v1/operator/tenants/acme", &operator).await.data();
    assert_eq!((&shown["region"], &shown["metadata"]["contract"]), (&json!("eu-1"), &json!("7")));
    let settings = host.get("/v1/acme/settings", &owner).await.data();
    assert_eq!((&settings["metadata"], &settings["features"]["beta"]), (&Value::Null, &json!(true)));
    // Its own limit holds, and a change holds at once.
    deploy(&host, &owner, "acme").await;
    let second = [WASM, &[0, 2, 1, b'x']].concat();
    let upload = async || host.send_bytes(Method::POST, "/v1/acme/modules", &owner, &second).await;
    assert_eq!(upload().await.problem(), "409 too_many_modules");
    let patch = async |body: Value| {
        host.call(Method::PATCH, "/v1/operator/tenants/acme", &operator, Some(body)).await
    };
    patch(json!({"reason": "they asked", "plan": "starter", "limits": {}})).await.data();
    assert_eq!(upload().await.status, StatusCode::CREATED);
    for (body, problem) in [
        (json!({"plan": "free"}), "400 invalid_value"),
        (json!({"reason": "x", "plan": "gold"}), "400 invalid_value"),
        (json!({"reason": "x", "limits": {"modulez": 1}}), "400 invalid_value"),
        (json!({"reason": "x", "limits": {"wall_ms": 0}}), "400 invalid_value"),
        (json!({"reason": "x", "name": ""}), "400 name_invalid"),
        (json!({"reason": "x", "region": "x".repeat(300)}), "400 invalid_value"),
        (json!({"reason": "x", "slug": "y"}), "400 malformed_json"),
    ] {
        assert_eq!(patch(body.clone()).await.problem(), problem, "{body}");
    }
    for (query, count) in [("", 2), ("?plan=starter", 1), ("?status=suspended", 0), ("?text=BIR", 1)] {
        let found = host.get(&format!("/v1/operator/tenants{query}"), &operator).await.data();
        assert_eq!(found.as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(host.get("/v1/operator/tenants?status=x", &operator).await.problem(), "400 invalid_value");
    assert_eq!(host.get("/v1/operator/tenants/none", &operator).await.problem(), "404 tenant_not_found");
}

#[tokio::test]
async fn a_tenant_changes_its_looks_so_that_they_can_be_read() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let (developer, _) = join(&host, &owner, "acme", "dev@acme.test", "developer").await;
    let patch = async |token: &str, body: Value| {
        host.call(Method::PATCH, "/v1/acme/settings", token, Some(body)).await
    };
    let looks = |text: &str| {
        json!({"branding": {"name": "Acme Runs", "colors": {
        "background": "#ffffff", "text": text, "accent": "#0000ee"}}})
    };
    assert_eq!(patch(&developer, looks("#000000")).await.problem(), "403 permission_denied");
    let pale = patch(&owner, looks("#cccccc")).await;
    assert_eq!(pale.problem(), "400 invalid_value");
    assert!(pale.json()["detail"].as_str().unwrap().contains("contrast of 1.6 to 1"));
    let changed = patch(&owner, looks("#000000")).await.data();
    assert_eq!(changed["branding"]["name"], "Acme Runs");
    assert_eq!(patch(&owner, json!({"plan": "enterprise"})).await.problem(), "400 malformed_json");
}

#[tokio::test]
async fn a_suspended_tenant_is_read_by_its_owner_only_and_resumes() {
    let host = Host::start().await;
    let (operator, owner) = (host.operator().await, host.owner_of("acme").await);
    let (admin, _) = join(&host, &owner, "acme", "admin@acme.test", "admin").await;
    let secret = key(&host, &admin, "acme", json!(["module:read"])).await;
    deploy(&host, &owner, "acme").await;
    assert_eq!(
        operate(&host, &operator, "acme/suspend", json!({"reason": ""})).await.problem(),
        "400 invalid_value"
    );
    assert_eq!(
        operate(&host, &owner, "acme/suspend", json!({"reason": "x"})).await.problem(),
        "403 permission_denied"
    );
    let suspended = operate(&host, &operator, "acme/suspend", json!({"reason": "unpaid"})).await.data();
    assert_eq!((&suspended["status"], &suspended["status_reason"]), (&json!("suspended"), &json!("unpaid")));
    let run = json!({"command": "nothing", "wait": true});
    for token in [&owner, &admin] {
        assert_eq!(host.post("/v1/acme/runs", token, run.clone()).await.problem(), "403 tenant_suspended");
    }
    assert_eq!(host.get("/v1/acme/modules", &owner).await.status, StatusCode::OK);
    for token in [&admin, &secret] {
        assert_eq!(host.get("/v1/acme/modules", token).await.problem(), "403 tenant_suspended");
    }
    let again = operate(&host, &operator, "acme/suspend", json!({"reason": "unpaid"})).await;
    assert_eq!(again.problem(), "409 tenant_status");
    operate(&host, &operator, "acme/resume", json!({"reason": "paid"})).await.data();
    assert_eq!(host.post("/v1/acme/runs", &owner, run).await.data()["outcome"]["exit_code"], 0);
    assert_eq!(host.get("/v1/acme/modules", &secret).await.status, StatusCode::OK);
    let resumed = operate(&host, &operator, "acme/resume", json!({"reason": "paid"})).await;
    assert_eq!(resumed.problem(), "409 tenant_status");
}

#[tokio::test]
async fn suspending_ends_what_runs() {
    let host = Host::start().await;
    let (operator, owner) = (host.operator().await, host.owner_of("acme").await);
    let wasm =
        wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))"#)
            .unwrap();
    let uploaded = host.send_bytes(Method::POST, "/v1/acme/modules", &owner, &wasm).await.data();
    let body = json!({"module": uploaded["digest"]});
    host.call(Method::PUT, "/v1/acme/deployments/spin", &owner, Some(body)).await.data();
    let run = host.post("/v1/acme/runs", &owner, json!({"command": "spin"})).await.data();
    operate(&host, &operator, "acme/suspend", json!({"reason": "abuse"})).await.data();
    let run = host.get(&format!("/v1/acme/runs/{}", run["id"].as_str().unwrap()), &owner).await.data();
    assert_eq!((&run["status"], &run["outcome"]["kind"]), (&json!("ended"), &json!("cancelled")));
    assert_eq!(host.app.commands.active(), 0);
}

#[tokio::test]
async fn an_erased_tenant_leaves_a_receipt_and_nothing_else() {
    let host = Host::start().await;
    let operator = host.operator().await;
    let (acme, birch) = (host.owner_of("acme").await, host.owner_of("birch").await);
    let id = host.get("/v1/acme/settings", &acme).await.data()["id"].as_str().unwrap().to_owned();
    // Both have one module; acme alone has another. Somebody belongs to both.
    let shared = deploy(&host, &birch, "birch").await;
    deploy(&host, &acme, "acme").await;
    let own = [WASM, &[0, 2, 1, b'x']].concat();
    let own = host.send_bytes(Method::POST, "/v1/acme/modules", &acme, &own).await.data()["digest"].clone();
    let (both, _) = join(&host, &acme, "acme", "both@x.test", "viewer").await;
    let body = json!({"email": "both@x.test", "role": "viewer"});
    let link =
        host.post("/v1/birch/invitations", &birch, body).await.data()["link"].as_str().unwrap().to_owned();
    let token = link.split_once("/#/invitation/").unwrap().1;
    host.post("/v1/auth/invitation", &both, json!({"token": token})).await.data();
    let secret = key(&host, &acme, "acme", json!(["module:read"])).await;
    host.send_bytes(Method::PUT, "/v1/acme/files/a/b", &acme, b"x").await.data();
    host.post("/v1/acme/runs", &acme, json!({"command": "nothing", "wait": true})).await.data();

    let erase = json!({"reason": "they left", "confirm": "acme"});
    assert_eq!(operate(&host, &operator, "acme/erase", erase.clone()).await.problem(), "409 tenant_status");
    let off = json!({"reason": "they left", "grace_s": 3600});
    let offboarding = operate(&host, &operator, "acme/offboard", off).await.data();
    assert_eq!(offboarding["erase_at"], "2026-01-01T01:00:00.000000Z");
    assert_eq!(host.get("/v1/acme/modules", &secret).await.problem(), "401 token_invalid");
    assert_eq!(host.get("/v1/acme/modules", &acme).await.status, StatusCode::OK);
    let wrong = json!({"reason": "they left", "confirm": "birch"});
    assert_eq!(operate(&host, &operator, "acme/erase", wrong).await.problem(), "422 not_confirmed");
    let receipt = operate(&host, &operator, "acme/erase", erase).await.data();
    for (name, count) in [("members", 2), ("accounts", 1), ("modules", 2), ("module_files", 1), ("files", 2)]
    {
        assert_eq!(receipt[name], count, "{name}: {receipt}");
    }
    assert_eq!(host.get("/v1/operator/receipts", &operator).await.data(), json!([receipt]));
    assert_eq!(host.get("/v1/operator/tenants/acme", &operator).await.problem(), "404 tenant_not_found");
    assert_eq!(host.get("/v1/auth/me", &acme).await.problem(), "401 token_invalid");
    let both = host.get("/v1/auth/me", &both).await.data();
    assert_eq!(both["memberships"].as_array().unwrap().len(), 1);
    // The neighbour's module still runs.
    let run = host.post("/v1/birch/runs", &birch, json!({"command": "nothing", "wait": true})).await.data();
    assert_eq!(run["outcome"]["exit_code"], 0);
    let dir = host.app.store.dir();
    assert!(dir.module(&shared.parse().unwrap()).exists());
    assert!(!dir.module(&own.as_str().unwrap().parse().unwrap()).exists());
    assert!(!dir.path().join("tenants").join(&id).exists());
    // The slug is free again, for a tenant that has nothing of the old one.
    let again = host.owner_of("acme").await;
    assert_eq!(host.get("/v1/acme/modules", &again).await.data(), json!([]));
    assert_eq!(host.get("/v1/acme/logs", &again).await.data(), json!([]));
}

#[tokio::test]
async fn the_grace_ends_by_itself_and_can_be_taken_back_until_then() {
    let host = Host::start().await;
    let operator = host.operator().await;
    for slug in ["acme", "birch"] {
        host.owner_of(slug).await;
        let off = json!({"reason": "they left", "grace_s": 60});
        operate(&host, &operator, &format!("{slug}/offboard"), off).await.data();
    }
    host.app.lifecycle.clean().await;
    operate(&host, &operator, "birch/resume", json!({"reason": "they stay"})).await.data();
    host.advance_s(60);
    host.app.lifecycle.clean().await;
    let left = host.get("/v1/operator/tenants", &operator).await.data();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["slug"]), (1, &json!("birch")));
    assert_eq!(host.get("/v1/operator/receipts", &operator).await.data()[0]["slug"], "acme");
}

#[tokio::test]
async fn what_is_over_is_cleaned_up() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    key(&host, &owner, "acme", json!(["module:read"])).await;
    let body = json!({"email": "x@acme.test", "role": "viewer"});
    host.post("/v1/acme/invitations", &owner, body).await.data();
    let count = || {
        let reader = host.app.store.reader_blocking();
        reader.sessions(None, 100).unwrap().items.len()
    };
    host.app.lifecycle.clean().await;
    assert_eq!(count(), 1);
    assert_eq!(host.get("/v1/acme/keys", &owner).await.data().as_array().unwrap().len(), 1);
    host.advance_s(91 * 24 * 3_600);
    host.app.lifecycle.clean().await;
    assert_eq!(count(), 0);
    let operator = host.operator().await;
    let link = host.post(
        "/v1/operator/users/recover",
        &operator,
        json!({"email": "owner@acme.test", "reason": "x"}),
    );
    let link = link.await.data()["link"].as_str().unwrap().to_owned();
    let owner = host.sign_in_by_link(link.split_once("/#/link/").unwrap().1).await;
    for list in ["keys", "invitations"] {
        assert_eq!(host.get(&format!("/v1/acme/{list}"), &owner).await.data(), json!([]), "{list}");
    }
}
