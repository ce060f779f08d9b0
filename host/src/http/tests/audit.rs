//! The audit over HTTP: what is recorded of which request, who may read it, and what happens when it fails.

use super::*;

async fn records(host: &Host, path: &str, token: &str) -> Vec<Value> {
    host.get(path, token).await.data().as_array().unwrap().clone()
}

fn shown(record: &Value) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
    format!("{} {} {} {}", text("action"), text("resource"), text("outcome"), text("code"))
}

#[tokio::test]
async fn changes_failures_and_refusals_are_recorded_and_reads_are_not() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    host.get("/v1/acme/modules", &owner).await.data();
    host.send_bytes(Method::PUT, "/v1/acme/files/a.txt", &owner, b"x").await.data();
    host.call(Method::DELETE, "/v1/acme/files/b.txt", &owner, None).await.problem();
    host.post("/v1/acme/runs", &owner, json!({"command": "none"})).await.problem();
    let all = records(&host, "/v1/acme/audit?order=asc", &owner).await;
    assert_eq!(
        all.iter().map(shown).collect::<Vec<_>>(),
        [
            "file:write a.txt done -",
            "file:write b.txt failed file_not_found",
            "run:create none failed command_not_found",
        ]
    );
    let first = &all[0];
    assert!(first["actor"].as_str().unwrap().starts_with("usr_"));
    assert!(first["session"].as_str().unwrap().starts_with("ses_"));
    assert!(first["request"].as_str().unwrap().starts_with("req_"));
    assert_eq!(first["address"], "192.0.2.1");
    assert_eq!(first["time"], "2026-01-01T00:00:00.000000Z");
}

#[tokio::test]
async fn records_are_filtered_and_paged() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    for name in ["a", "b", "c", "d"] {
        host.send_bytes(Method::PUT, &format!("/v1/acme/files/{name}.txt"), &owner, b"x").await.data();
        host.advance_s(1);
    }
    host.call(Method::DELETE, "/v1/acme/files/nothing", &owner, None).await.problem();
    let seqs = async |query: &str| {
        let found = records(&host, &format!("/v1/acme/audit?{query}"), &owner).await;
        found.iter().map(|record| record["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs("").await, [5, 4, 3, 2, 1]);
    assert_eq!(seqs("outcome=failed").await, [5]);
    assert_eq!(seqs("resource=b.txt").await, [2]);
    assert_eq!(seqs("action=file:*&order=asc&limit=2").await, [1, 2]);
    assert_eq!(seqs("action=file:").await, [0; 0]);
    assert_eq!(seqs("from=2026-01-01T00:00:01Z&to=2026-01-01T00:00:03Z").await, [3, 2]);
    assert_eq!(seqs("actor=host").await, [0; 0]);
    let page = host.get("/v1/acme/audit?limit=2", &owner).await.json();
    let cursor = page["pagination"]["cursor"].as_str().unwrap().to_owned();
    assert_eq!(seqs(&format!("limit=2&cursor={cursor}")).await, [3, 2]);
    for bad in ["outcome=maybe", "from=yesterday", "order=up"] {
        assert_eq!(host.get(&format!("/v1/acme/audit?{bad}"), &owner).await.problem(), "400 invalid_value");
    }
    assert_eq!(host.get("/v1/acme/audit?cursor=x", &owner).await.problem(), "400 malformed_cursor");
}

#[tokio::test]
async fn the_operators_crossing_is_in_both_chains() {
    let host = Host::start().await;
    let operator = host.operator().await;
    let new = json!({"slug": "acme", "name": "Acme", "plan": "free", "owner_email": "ann@acme.test"});
    let made = host.post("/v1/operator/tenants", &operator, new).await.data();
    let (_, secret) = made["owner_link"].as_str().unwrap().split_once("/#/link/").unwrap();
    let owner = host.sign_in_by_link(secret).await;
    let of_tenant = records(&host, "/v1/acme/audit", &owner).await;
    let of_host = records(&host, "/v1/operator/audit?action=POST*", &operator).await;
    for all in [&of_tenant, &of_host] {
        assert_eq!(all.len(), 1);
        assert_eq!(shown(&all[0]), "POST /v1/operator/tenants /v1/operator/tenants done -");
    }
    assert_eq!(of_tenant[0]["request"], of_host[0]["request"]);
    assert_eq!(of_tenant[0]["actor"], of_host[0]["actor"]);
    assert_eq!(host.get("/v1/operator/audit", &owner).await.problem(), "403 permission_denied");
}

#[tokio::test]
async fn refusals_of_the_unknown_are_counted_and_not_a_flood() {
    let host = Host::start().await;
    let operator = host.operator().await;
    for _ in 0..50 {
        host.get("/v1/acme/modules", "wrong").await.problem();
    }
    let denied = records(&host, "/v1/operator/audit?outcome=denied", &operator).await;
    assert_eq!(denied.iter().map(|record| record["times"].as_u64().unwrap()).collect::<Vec<_>>(), [1]);
    assert_eq!(denied[0]["actor"], "anonymous");
    host.advance_s(61);
    host.get("/v1/acme/modules", "wrong").await.problem();
    let denied = records(&host, "/v1/operator/audit?outcome=denied&order=asc", &operator).await;
    assert_eq!(denied.iter().map(|record| record["times"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 49, 1]);
}

#[tokio::test]
async fn signing_in_is_recorded_with_who_it_was() {
    let host = Host::start().await;
    let operator = host.operator().await;
    let owner = host.owner_of("acme").await;
    let me = host.get("/v1/auth/me", &owner).await.data();
    let signed_in = records(&host, "/v1/operator/audit?action=auth:link", &operator).await;
    assert_eq!(signed_in[0]["actor"], me["id"]);
    host.post("/v1/auth/sign-in", "", json!({"email": "a@b", "password": "wrong"})).await.problem();
    let refused = records(&host, "/v1/operator/audit?action=auth:sign-in", &operator).await;
    assert_eq!(shown(&refused[0]), "auth:sign-in /v1/auth/sign-in denied wrong_credentials");
}

#[tokio::test]
async fn an_export_has_every_record_and_its_chain_is_whole() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    host.send_bytes(Method::PUT, "/v1/acme/files/=cmd()", &owner, b"x").await.data();
    host.send_bytes(Method::PUT, "/v1/acme/files/b", &owner, b"x").await.data();
    let lines = host.get("/v1/acme/audit/export", &owner).await;
    assert_eq!(lines.headers["content-type"], "application/x-ndjson");
    let head = host.get("/v1/acme/audit/head", &owner).await.data();
    let mut check = crate::audit::ChainCheck::new(head["chain"].as_str().unwrap());
    for line in std::str::from_utf8(&lines.body).unwrap().lines() {
        check.look(&serde_json::from_str(line).unwrap());
    }
    check.end(&serde_json::from_value(head).unwrap());
    assert_eq!((check.records(), check.findings()), (2, &[][..]));
    let csv = host.get("/v1/acme/audit/export?format=csv&outcome=done", &owner).await;
    let text = String::from_utf8(csv.body).unwrap();
    assert!(text.starts_with("seq,time,") && text.contains(",'=cmd(),"), "{text}");
    assert_eq!(text.lines().count(), 3);
    assert_eq!(host.get("/v1/acme/audit/export?format=xls", &owner).await.problem(), "400 invalid_value");
}

#[tokio::test]
async fn without_the_audit_nothing_changes() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    host.app.audit.fail_for_test();
    let refused = host.send_bytes(Method::PUT, "/v1/acme/files/a", &owner, b"x").await;
    assert_eq!(refused.problem(), "503 audit_failed");
    assert_eq!(host.get("/v1/acme/files/a", &owner).await.problem(), "404 file_not_found");
    assert_eq!(
        host.post("/v1/acme/runs", &owner, json!({"command": "x"})).await.problem(),
        "503 audit_failed"
    );
    assert_eq!(host.get("/readyz", "").await.problem(), "503 audit_failed");
}

#[tokio::test]
async fn what_is_masked_is_counted() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let masked = async || {
        let text = String::from_utf8(host.get("/metrics", "").await.body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("cloister_masked_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    host.send_bytes(Method::PUT, "/v1/acme/files/ann@example.com", &owner, b"x").await.data();
    records(&host, "/v1/acme/audit", &owner).await;
    assert_eq!(masked().await, 0);
    host.call(Method::PUT, "/v1/acme/masking", &owner, Some(json!({"emails": true}))).await.data();
    host.send_bytes(Method::PUT, "/v1/acme/files/bob@example.com", &owner, b"x").await.data();
    let all = records(&host, "/v1/acme/audit?action=file:write", &owner).await;
    assert_eq!(all[0]["resource"], "*".repeat("bob@example.com".len()));
    assert_eq!(masked().await, 1);
}
