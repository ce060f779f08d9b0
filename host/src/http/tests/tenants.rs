//! Tenants: made by the operator, found by their members only.

use super::*;

#[tokio::test]
async fn the_operator_makes_a_tenant_and_its_owner_enters_it() {
    let host = Host::start().await;
    let operator = host.operator().await;
    let new = json!({"slug": "acme", "name": "Acme", "plan": "starter", "owner_email": "ann@acme.test"});
    let made = host.post("/v1/operator/tenants", &operator, new.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let made = made.data();
    let again = host.post("/v1/operator/tenants", &operator, new).await;
    assert_eq!(again.problem(), "409 slug_taken");
    let link = made["owner_link"].as_str().unwrap();
    let (base, secret) = link.split_once("/#/link/").unwrap();
    assert_eq!(base, "http://127.0.0.1:8080");
    let owner = host.sign_in_by_link(secret).await;
    let me = host.get("/v1/auth/me", &owner).await.data();
    assert_eq!(me["memberships"][0]["role"], "owner");
    let id = made["tenant"]["id"].as_str().unwrap();
    for named in ["acme", id] {
        let reply = host.get(&format!("/v1/{named}/modules"), &owner).await;
        assert_eq!(reply.json()["tenant_id"], id);
    }
}

#[tokio::test]
async fn only_the_operator_operates_and_the_operator_enters_no_tenant() {
    let host = Host::start().await;
    let (operator, owner) = (host.operator().await, host.owner_of("acme").await);
    assert_eq!(host.get("/v1/operator/tenants", &owner).await.problem(), "403 permission_denied");
    assert_eq!(host.get("/v1/operator/tenants", "").await.problem(), "401 unauthenticated");
    assert_eq!(host.get("/v1/acme/modules", &operator).await.problem(), "404 tenant_not_found");
}

#[tokio::test]
async fn every_name_of_a_tenant_in_a_request_must_mean_the_same() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let id = host.get("/v1/acme/modules", &owner).await.json()["tenant_id"].as_str().unwrap().to_owned();
    let send = async |path: &str, header: &str| {
        let request = Request::get(path).header("authorization", format!("Bearer {owner}"));
        host.send(request.header("x-tenant-id", header).body(Body::empty()).unwrap()).await
    };
    assert_eq!(send("/v1/acme/modules?tenant=acme", &id).await.status, StatusCode::OK);
    assert_eq!(send("/v1/acme/modules", "other").await.problem(), "400 tenant_mismatch");
    assert_eq!(send("/v1/acme/modules?tenant=other", &id).await.problem(), "400 tenant_mismatch");
}

#[tokio::test]
async fn features_are_those_of_the_plan_and_before_them_the_tenants_own() {
    let host = Host::start_with(|config| {
        let of = |reports: bool| [("reports".to_owned(), reports), ("themes".to_owned(), true)].into();
        config.plans.free.features = of(false);
        config.plans.starter.features = of(true);
    })
    .await;
    let (operator, owner) = (host.operator().await, host.owner_of("acme").await);
    let features = async || host.get("/v1/acme/settings", &owner).await.data()["features"].clone();
    let patch = async |body: Value| {
        host.call(Method::PATCH, "/v1/operator/tenants/acme", &operator, Some(body)).await.data()
    };
    assert_eq!(features().await, json!({"reports": false, "themes": true}));
    patch(json!({"reason": "x", "features": {"themes": false, "beta": true}})).await;
    assert_eq!(features().await, json!({"beta": true, "reports": false, "themes": false}));
    patch(json!({"reason": "x", "plan": "starter"})).await;
    assert_eq!(features().await, json!({"beta": true, "reports": true, "themes": false}));
}

#[tokio::test]
async fn lists_are_paged_and_bad_cursors_refused() {
    let host = Host::start().await;
    let operator = host.operator().await;
    for slug in ["aa", "bb", "cc", "dd", "ee"] {
        host.owner_of(slug).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = host.get(&format!("/v1/operator/tenants?limit=2{cursor}"), &operator).await.json();
        let items = page["data"].as_array().unwrap();
        seen.extend(items.iter().map(|tenant| tenant["slug"].as_str().unwrap().to_owned()));
        assert_eq!(page["pagination"]["has_next"], page["pagination"]["cursor"].is_string());
        let Some(next) = page["pagination"]["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["aa", "bb", "cc", "dd", "ee"]);
    for query in ["cursor=x", "cursor=", "cursor=%ff", "cursor=AXRlbmFudHMA"] {
        let refused = host.get(&format!("/v1/operator/tenants?{query}"), &operator).await;
        assert!(refused.problem().starts_with("400 malformed_"), "{query}");
    }
    for query in ["limit=0", "limit=201", "limit=x", "limit=-1"] {
        let refused = host.get(&format!("/v1/operator/tenants?{query}"), &operator).await;
        assert_eq!(refused.problem(), "400 malformed_query", "{query}");
    }
}

#[tokio::test]
async fn values_that_cannot_be_are_named() {
    let host = Host::start().await;
    let operator = host.operator().await;
    let good = json!({"slug": "acme", "name": "Acme", "owner_email": "a@b"});
    for (field, value, code) in [
        ("slug", json!("No"), "400 invalid_value"),
        ("slug", json!("operator"), "400 invalid_value"),
        ("plan", json!("gold"), "400 invalid_value"),
        ("owner_email", json!("ann"), "400 invalid_value"),
        ("name", json!(" "), "400 name_invalid"),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let refused = host.post("/v1/operator/tenants", &operator, body).await;
        assert_eq!(refused.problem(), code, "{field} = {value}");
    }
}

#[tokio::test]
async fn a_tenant_is_named_by_path_header_query_subdomain_or_default_and_all_must_agree() {
    let host = Host::start_with(|config| {
        config.tenancy.base_domain = Some("cloister.example".to_owned());
        config.tenancy.default_tenant = Some("acme".to_owned());
    })
    .await;
    let (acme, birch) = (host.owner_of("acme").await, host.owner_of("birch").await);
    let ask = async |token: &str, path: &str, headers: &[(&str, &str)]| {
        let mut request = Request::get(path).header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = host.send(request.body(Body::empty()).unwrap()).await;
        if reply.status == StatusCode::OK { "200".to_owned() } else { reply.problem() }
    };
    let (here, there) = ("acme.cloister.example:8080", "birch.cloister.example");
    for (path, headers, expected) in [
        ("/v1/-/modules", &[][..], "200"),
        ("/v1/-/modules", &[("host", here)], "200"),
        ("/v1/-/modules", &[("x-tenant-id", "acme"), ("host", here)], "200"),
        ("/v1/-/modules?tenant=acme", &[("host", here)], "200"),
        ("/v1/acme/modules?tenant=acme", &[("x-tenant-id", "acme"), ("host", here)], "200"),
        ("/v1/acme/modules", &[("host", "www.cloister.example")], "200"),
        // The token is good for acme only.
        ("/v1/-/modules", &[("host", there)], "404 tenant_not_found"),
        ("/v1/-/modules", &[("x-tenant-id", "birch")], "404 tenant_not_found"),
        // In this order; what comes later must agree.
        ("/v1/acme/modules", &[("host", there)], "400 tenant_mismatch"),
        ("/v1/acme/modules?tenant=birch", &[], "400 tenant_mismatch"),
        ("/v1/-/modules?tenant=birch", &[("x-tenant-id", "acme")], "400 tenant_mismatch"),
        ("/v1/-/modules", &[("x-tenant-id", "acme"), ("x-tenant-id", "birch")], "400 tenant_mismatch"),
        ("/v1/-/modules?tenant=acme", &[("host", there)], "400 tenant_mismatch"),
        ("/v1/-/modules", &[("x-tenant-id", "")], "404 tenant_not_found"),
    ] {
        assert_eq!(ask(&acme, path, headers).await, expected, "{path} {headers:?}");
    }
    assert_eq!(ask(&birch, "/v1/-/modules", &[]).await, "404 tenant_not_found");
    let plain = Host::start().await;
    let owner = plain.owner_of("acme").await;
    // Where nothing is named, it is the tenant that the token is good for.
    assert_eq!(plain.get("/v1/-/modules", &owner).await.status, StatusCode::OK);
    assert_eq!(plain.get("/v1/-/modules", &plain.operator().await).await.problem(), "400 tenant_unnamed");
}
