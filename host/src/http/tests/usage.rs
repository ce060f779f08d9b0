//! What a tenant's runs use together.

use super::*;

/// `(module (memory 4) (func (export "_start") (loop (br 0))))`
const SPINS: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x04\
    \x07\x0a\x01\x06_start\0\0\x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b";

/// One bound of the tenant, as it is shown.
async fn item(host: &Host, token: &str, name: &str) -> Value {
    let usage = host.get("/v1/acme/usage", token).await.data();
    let items = usage["items"].as_array().unwrap();
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone()
}

async fn metrics(host: &Host) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    String::from_utf8(host.send(request).await.body).unwrap()
}

#[tokio::test]
async fn a_change_of_plan_or_limits_holds_at_once_for_what_is_under_way() {
    let host = Host::start_with(|config| config.engine.threads = 2).await;
    let (operator, owner) = (host.operator().await, host.owner_of("acme").await);
    let module = host.send_bytes(Method::POST, "/v1/acme/modules", &owner, SPINS).await.data();
    let body = json!({"module": module["digest"]});
    host.call(Method::PUT, "/v1/acme/deployments/spins", &owner, Some(body)).await.data();
    host.send_bytes(Method::PUT, "/v1/acme/files/a", &owner, b"1234").await.data();
    let start = async || host.post("/v1/acme/runs", &owner, json!({"command": "spins", "wait": false})).await;
    let running = start().await.data()["id"].as_str().unwrap().to_owned();
    let patch = async |body: Value| {
        host.call(Method::PATCH, "/v1/operator/tenants/acme", &operator, Some(body)).await.data()
    };
    // Read without a request of the tenant, which would carry its limits with it.
    let held = || host.app.commands.held_for_test().into_iter().next().unwrap();
    let free = held();
    assert_eq!((free.budget.runs, free.cpu.cap, free.cpu.weight), (4, Some(1_000), 1_024));
    let limits = json!({
        "concurrent_runs": 1, "tenant_memory_bytes": 64 << 20, "memory_bytes": 1 << 20, "cpu_weight": 7,
        "cpu_cap_millicores": 50, "storage_bytes": 5
    });
    patch(json!({"reason": "x", "limits": limits})).await;
    let changed = held();
    assert_eq!((changed.budget.runs, changed.budget.memory_bytes), (1, 64 << 20));
    assert_eq!((changed.cpu.cap, changed.cpu.weight), (Some(50), 7 * 1_024));
    // The run goes on, and its tenant may not have a second one now.
    assert_eq!(start().await.problem(), "429 too_many_runs");
    let more = host.send_bytes(Method::PUT, "/v1/acme/files/b", &owner, b"12").await;
    assert_eq!(more.problem(), "507 storage_full");
    patch(json!({"reason": "x", "plan": "professional", "limits": {}})).await;
    let professional = host.app.config.plans.get(crate::tenancy::PlanName::Professional).of_tenant();
    assert_eq!(held(), professional);
    let second = start().await.data()["id"].as_str().unwrap().to_owned();
    host.send_bytes(Method::PUT, "/v1/acme/files/b", &owner, b"12").await.data();
    for id in [running, second] {
        let shown = host.get(&format!("/v1/acme/runs/{id}"), &owner).await.data();
        assert_eq!(shown["status"], "running");
        host.post(&format!("/v1/acme/runs/{id}/kill"), &owner, json!({})).await.data();
    }
}

#[tokio::test]
async fn usage_and_metrics_follow_the_runs_and_a_full_budget_refuses_the_next() {
    let memory_bytes = 4 * 65_536;
    let host = Host::start_with(|config| config.plans.free.tenant_memory_bytes = memory_bytes).await;
    let token = host.owner_of("acme").await;
    let idle = item(&host, &token, "memory_bytes").await;
    assert_eq!(
        (&idle["used"], &idle["limit"], &idle["state"]),
        (&json!(0), &json!(memory_bytes), &json!("ok"))
    );
    assert_eq!(item(&host, &token, "concurrent_runs").await["limit"], 4);
    assert_eq!(item(&host, &token, "host_threads").await["limit"], 2);
    assert_eq!(item(&host, &token, "storage_bytes").await["used"], 0);

    let module = host.send_bytes(Method::POST, "/v1/acme/modules", &token, SPINS).await.data();
    let body = json!({"module": module["digest"]});
    host.call(Method::PUT, "/v1/acme/deployments/spins", &token, Some(body)).await.data();
    let run = host.post("/v1/acme/runs", &token, json!({"command": "spins", "wait": false})).await.data();
    let tenant = host.get("/v1/acme/usage", &token).await.json()["tenant_id"].as_str().unwrap().to_owned();
    let mut busy = Value::Null;
    for _ in 0..1000 {
        busy = item(&host, &token, "memory_bytes").await;
        if busy["used"] == json!(memory_bytes) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((&busy["used"], &busy["state"]), (&json!(memory_bytes), &json!("reached")));
    assert_eq!(item(&host, &token, "concurrent_runs").await["used"], 1);
    let line = format!("cloister_tenant_budget_ratio{{resource=\"memory\",tenant=\"{tenant}\"}} 1\n");
    assert!(metrics(&host).await.contains(&line));
    assert!(metrics(&host).await.contains("cloister_budget_used{resource=\"runs\"} 1\n"));

    let refused = host.post("/v1/acme/runs", &token, json!({"command": "spins"})).await;
    assert_eq!(refused.problem(), "429 tenant_memory_used_up");
    assert_eq!(refused.headers["retry-after"], "1");

    let id = run["id"].as_str().unwrap();
    host.post(&format!("/v1/acme/runs/{id}/kill"), &token, json!({})).await.data();
    assert_eq!(item(&host, &token, "memory_bytes").await["used"], 0);
    assert_eq!(item(&host, &token, "concurrent_runs").await["used"], 0);
    let text = metrics(&host).await;
    let shown = text.lines().any(|line| line.starts_with("cloister_tenant_budget") && line.contains(&tenant));
    assert!(!shown, "{text}");
    assert!(text.contains("cloister_budget_used{resource=\"memory\"} 0\n"), "{text}");
}
