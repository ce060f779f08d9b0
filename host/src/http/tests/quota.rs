//! Rates and quotas over HTTP.

use super::*;
use crate::tenancy::PlanName;

fn header(reply: &Reply, name: &str) -> u64 {
    reply.headers[name].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn requests_of_a_principal_are_bounded_and_every_answer_says_what_is_left() {
    let host = Host::start_with(|config| config.plans.free.requests_per_minute_principal = 5).await;
    let owner = host.owner_of("acme").await;
    for left in (0..5).rev() {
        let reply = host.get("/v1/acme/modules", &owner).await;
        assert_eq!((header(&reply, "x-ratelimit-limit"), header(&reply, "x-ratelimit-remaining")), (5, left));
    }
    let refused = host.get("/v1/acme/modules", &owner).await;
    assert_eq!(refused.problem(), "429 rate_limited");
    assert_eq!((header(&refused, "x-ratelimit-remaining"), header(&refused, "retry-after")), (0, 12));
    assert_eq!(header(&refused, "x-ratelimit-reset"), 1_767_225_600 + 60);
    host.advance_s(12);
    assert_eq!(host.get("/v1/acme/modules", &owner).await.status, StatusCode::OK);
    // Another tenant has its own.
    let other = host.owner_of("birch").await;
    assert_eq!(host.get("/v1/birch/modules", &other).await.status, StatusCode::OK);
    let text = String::from_utf8(host.app.metrics.render().unwrap()).unwrap();
    assert!(
        text.contains("cloister_rate_denied_total{rate=\"requests_per_minute\",subject=\"principal\"} 1"),
        "{text}"
    );
}

#[tokio::test]
async fn a_request_with_a_key_counts_once() {
    let host = Host::start_with(|config| config.plans.free.requests_per_minute = 10).await;
    let owner = host.owner_of("acme").await;
    let request = Request::put("/v1/acme/files/a")
        .header("authorization", format!("Bearer {owner}"))
        .header("idempotency-key", "k");
    let reply = host.send(request.body(Body::from("x")).unwrap()).await;
    assert_eq!(header(&reply, "x-ratelimit-remaining"), 9);
}

#[tokio::test]
async fn refusals_by_rate_are_one_record() {
    let host = Host::start_with(|config| config.plans.free.requests_per_minute = 3).await;
    let owner = host.owner_of("acme").await;
    for _ in 0..30 {
        host.get("/v1/acme/modules", &owner).await;
    }
    host.advance_s(120);
    let all = host.get("/v1/acme/audit?outcome=denied", &owner).await.data();
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
    assert_eq!((&all[0]["code"], &all[0]["times"]), (&json!("rate_limited"), &json!(1)));
}

#[tokio::test]
async fn attempts_to_sign_in_are_bounded_by_address() {
    let host = Host::start_with(|config| config.auth.sign_ins_per_minute = 4).await;
    for _ in 0..4 {
        let tried = host.post("/v1/auth/link", "", json!({"token": "x"})).await;
        assert_eq!(tried.problem(), "401 link_invalid");
        assert_eq!(header(&tried, "x-ratelimit-limit"), 4);
    }
    let tried = host.post("/v1/auth/link", "", json!({"token": "x"})).await;
    assert_eq!(tried.problem(), "429 rate_limited");
}

#[tokio::test]
async fn uploads_are_bounded_by_the_hour() {
    let host = Host::start_with(|config| config.plans.free.uploads_per_hour = 1).await;
    let owner = host.owner_of("acme").await;
    host.send_bytes(Method::POST, "/v1/acme/modules", &owner, WASM).await.data();
    let refused = host.send_bytes(Method::POST, "/v1/acme/modules", &owner, WASM).await;
    assert_eq!((refused.problem().as_str(), header(&refused, "retry-after")), ("429 rate_limited", 3_600));
}

#[tokio::test]
async fn runs_are_bounded_by_minute_and_month_and_warned_of() {
    let host = Host::start_with(|config| {
        config.plans.free.runs_per_month = 5;
        config.plans.free.runs_per_minute = 4;
        config.plans.free.runs_per_minute_principal = 0;
    })
    .await;
    let owner = host.owner_of("acme").await;
    let module = host.send_bytes(Method::POST, "/v1/acme/modules", &owner, WASM).await.data();
    let deploy = json!({"module": module["digest"]});
    host.call(Method::PUT, "/v1/acme/deployments/nop", &owner, Some(deploy)).await.data();
    let run = async || host.post("/v1/acme/runs", &owner, json!({"command": "nop", "wait": true})).await;
    for _ in 0..4 {
        run().await.data();
    }
    assert_eq!(run().await.problem(), "429 rate_limited");
    host.advance_s(60);
    run().await.data();
    let refused = run().await;
    assert_eq!(refused.problem(), "429 quota_exceeded");
    assert_eq!(header(&refused, "retry-after"), 31 * 86_400 - 60);
    let usage = host.get("/v1/acme/usage", &owner).await.data();
    let item = |name: &str| {
        let items = usage["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).unwrap().clone()
    };
    let month = item("runs_per_month");
    assert_eq!((&month["used"], &month["limit"], &month["percent"]), (&json!(5), &json!(5), &json!(100)));
    assert_eq!((&month["state"], &month["resets_at"]), (&json!("reached"), &json!("2026-02-01T00:00:00Z")));
    assert_eq!(item("runs_per_minute")["used"], 1);
    assert_eq!(item("concurrent_runs")["used"], 0);
    let of_month = ["80 % of 5 are used", "100 % of 5 are used"];
    assert_eq!(warnings(&host, &owner, "runs_per_month").await, of_month);
    // The minute's was full at once, and again after it.
    assert_eq!(warnings(&host, &owner, "runs_per_minute").await, ["100 % of 4 are used"]);
    // The next month begins with nothing.
    host.advance_s(31 * 86_400);
    let again = host.sign_in_again("acme").await;
    assert_eq!(
        host.post("/v1/acme/runs", &again, json!({"command": "nop"})).await.status,
        StatusCode::ACCEPTED
    );
}

/// What the tenant was warned of, oldest first.
async fn warnings(host: &Host, owner: &str, bound: &str) -> Vec<String> {
    let path = format!("/v1/acme/audit?action=quota:warning&resource={bound}&order=asc");
    let records = host.get(&path, owner).await.data();
    let detail = |record: &Value| record["detail"].as_str().unwrap().to_owned();
    records.as_array().unwrap().iter().map(detail).collect()
}

async fn usage_of(host: &Host, owner: &str, bound: &str) -> (Value, Value, Value) {
    let usage = host.get("/v1/acme/usage", owner).await.data();
    let item = usage["items"].as_array().unwrap().iter().find(|item| item["name"] == bound).unwrap().clone();
    (item["used"].clone(), item["limit"].clone(), item["state"].clone())
}

#[tokio::test]
async fn modules_and_commands_are_warned_of_once_on_their_way_up() {
    let host = Host::start_with(|config| {
        config.plans.free.modules = 5;
        config.plans.free.deployments = 5;
    })
    .await;
    let owner = host.owner_of("acme").await;
    let mut digests = Vec::new();
    for number in 0..5_u8 {
        let module = [WASM, &[0, 2, 1, number]].concat();
        let uploaded = host.send_bytes(Method::POST, "/v1/acme/modules", &owner, &module).await.data();
        digests.push(uploaded["digest"].as_str().unwrap().to_owned());
    }
    let both = ["80 % of 5 are used", "100 % of 5 are used"];
    assert_eq!(warnings(&host, &owner, "modules").await, both);
    assert_eq!(usage_of(&host, &owner, "modules").await, (json!(5), json!(5), json!("reached")));
    let deploy = async |name: u8| {
        let body = json!({"module": digests[0]});
        host.call(Method::PUT, &format!("/v1/acme/deployments/c{name}"), &owner, Some(body)).await.data()
    };
    for name in 0..4 {
        deploy(name).await;
    }
    // Another version of one that is there is no further command.
    deploy(3).await;
    assert_eq!(warnings(&host, &owner, "deployments").await, &both[..1]);
    assert_eq!(usage_of(&host, &owner, "deployments").await, (json!(4), json!(5), json!("near")));
    deploy(4).await;
    assert_eq!(warnings(&host, &owner, "deployments").await, both);
    // Down to where nothing is near, and up again: only then it is said again.
    let remove = async |path: String| host.call(Method::DELETE, &path, &owner, None).await.status;
    for name in 3..5 {
        assert_eq!(remove(format!("/v1/acme/deployments/c{name}")).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(usage_of(&host, &owner, "deployments").await, (json!(3), json!(5), json!("ok")));
    deploy(3).await;
    assert_eq!(warnings(&host, &owner, "deployments").await.len(), 3);
    for digest in &digests[1..3] {
        assert_eq!(remove(format!("/v1/acme/modules/{digest}")).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(usage_of(&host, &owner, "modules").await, (json!(3), json!(5), json!("ok")));
    let metrics = String::from_utf8(host.get("/metrics", "").await.body).unwrap();
    for line in [
        "cloister_quota_warnings_total{percent=\"80\",quota=\"deployments\"} 2",
        "cloister_quota_warnings_total{percent=\"100\",quota=\"deployments\"} 1",
        "cloister_quota_warnings_total{percent=\"100\",quota=\"modules\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn a_tenants_directory_is_warned_of_whoever_fills_it() {
    let host = Host::start_with(|config| config.plans.free.storage_bytes = 1_000).await;
    let owner = host.owner_of("acme").await;
    let put = async |name: &str, bytes: usize| {
        let path = format!("/v1/acme/files/{name}");
        host.send_bytes(Method::PUT, &path, &owner, &vec![b'x'; bytes]).await
    };
    put("a", 799).await.data();
    assert!(warnings(&host, &owner, "storage_bytes").await.is_empty());
    put("b", 1).await.data();
    assert_eq!(warnings(&host, &owner, "storage_bytes").await, ["80 % of 1000 are used"]);
    assert_eq!(put("c", 300).await.problem(), "507 storage_full");
    put("c", 200).await.data();
    let both = ["80 % of 1000 are used", "100 % of 1000 are used"];
    assert_eq!(warnings(&host, &owner, "storage_bytes").await, both);
    // What was warned of survives a restart of the keeper, and so is not said again.
    host.app.quota.write().await.unwrap();
    let scope = {
        let reader = host.app.store.reader_blocking();
        let tenant = reader.tenant_by_slug(&"acme".parse().unwrap()).unwrap().unwrap();
        crate::auth::TenantScope::for_test(tenant.id)
    };
    let warned = host.app.store.reader_blocking().warned(&scope).unwrap().unwrap();
    assert_eq!(warned.highest["storage_bytes"], 100);
    host.app.quota.forget(&scope);
    let remove = async |name: &str| {
        host.call(Method::DELETE, &format!("/v1/acme/files/{name}"), &owner, None).await.status
    };
    assert_eq!(remove("b").await, StatusCode::NO_CONTENT);
    assert_eq!(warnings(&host, &owner, "storage_bytes").await, both);
    assert_eq!(remove("a").await, StatusCode::NO_CONTENT);
    put("a", 799).await.data();
    assert_eq!(warnings(&host, &owner, "storage_bytes").await.len(), 3);
}

#[tokio::test]
async fn a_tenants_own_limits_bound_its_rates_too() {
    let host = Host::start().await;
    let (operator, owner) = (host.operator().await, host.owner_of("acme").await);
    let patch = async |limits: Value| {
        let body = json!({"reason": "x", "limits": limits});
        host.call(Method::PATCH, "/v1/operator/tenants/acme", &operator, Some(body)).await.data()
    };
    patch(json!({"requests_per_minute_principal": 3, "uploads_per_hour": 1})).await;
    let reply = host.send_bytes(Method::POST, "/v1/acme/modules", &owner, WASM).await;
    assert_eq!(header(&reply, "x-ratelimit-limit"), 3);
    let refused = host.send_bytes(Method::POST, "/v1/acme/modules", &owner, WASM).await;
    assert_eq!((refused.problem().as_str(), header(&refused, "retry-after")), ("429 rate_limited", 3_600));
    host.get("/v1/acme/modules", &owner).await.data();
    assert_eq!(host.get("/v1/acme/modules", &owner).await.problem(), "429 rate_limited");
    patch(json!({"requests_per_minute_principal": 1_000})).await;
    host.advance_s(1);
    assert_eq!(host.get("/v1/acme/modules", &owner).await.status, StatusCode::OK);
}

#[tokio::test]
async fn looking_for_tenants_is_bounded() {
    let host = Host::start_with(|config| config.http.requests_per_minute = 5).await;
    let owner = host.owner_of("acme").await;
    host.owner_of("birch").await;
    for tenant in ["birch", "nobodys", "birch", "nobodys", "x"] {
        let refused = host.get(&format!("/v1/{tenant}/modules"), &owner).await;
        assert_eq!(refused.problem(), "404 tenant_not_found");
    }
    for tenant in ["birch", "nobodys"] {
        let refused = host.get(&format!("/v1/{tenant}/modules"), &owner).await;
        assert_eq!(refused.problem(), "429 rate_limited");
    }
    assert_eq!(host.get("/v1/acme/modules", &owner).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_plans_are_those_that_were_asked_for() {
    let plans = Config::default().plans;
    let of = |name| {
        let plan = plans.get(name);
        (
            plan.deployments,
            plan.runs_per_month,
            plan.runs_per_minute,
            plan.storage_bytes >> 30,
            plan.retention_days,
        )
    };
    assert_eq!(of(PlanName::Free), (3, 1_000, 10, 1, 7));
    assert_eq!(of(PlanName::Starter), (10, 10_000, 50, 10, 30));
    assert_eq!(of(PlanName::Professional), (50, 100_000, 200, 100, 90));
    assert_eq!((of(PlanName::Enterprise).1, of(PlanName::Enterprise).2), (0, 0));
}
