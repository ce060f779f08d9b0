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
    let all = host.get("/v1/acme/audit", &owner).await.data();
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
    let warnings = host.get("/v1/acme/audit?action=quota:warning&order=asc", &owner).await.data();
    let details: Vec<_> =
        warnings.as_array().unwrap().iter().map(|warning| warning["detail"].as_str().unwrap()).collect();
    assert_eq!(details, ["80 % of 5 are used", "100 % of 5 are used"]);
    // The next month begins with nothing.
    host.advance_s(31 * 86_400);
    let again = host.sign_in_again("acme").await;
    assert_eq!(
        host.post("/v1/acme/runs", &again, json!({"command": "nop"})).await.status,
        StatusCode::ACCEPTED
    );
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
