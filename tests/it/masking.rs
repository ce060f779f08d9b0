//! `/v1/{tenant}/masking`: what is in the log and the audit, and what a run's caller still sees.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Shape, World, fixture};

const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c3IifQ.c2lnbmF0dXJl";

#[tokio::test]
async fn lines_are_masked_in_the_log_and_not_for_the_caller() {
    let world = World::start().await;
    world.a.deploy("echo", fixture("echo_lines", Shape::Core), json!({})).await;
    let settings = world.a.get("masking").await.expect(200).data();
    assert_eq!(settings, json!({"tokens": true, "emails": false, "cards": false, "patterns": []}));
    let rules = json!({"tokens": true, "emails": true, "cards": true, "patterns": ["order-(\\d+)"]});
    assert_eq!(world.a.put("masking", rules.clone()).await.expect(200).data(), rules);
    let text = format!("{TOKEN} ann@example.com 4111 1111 1111 1111 order-77\n");
    let body = json!({"command": "echo", "stdin": {"text": text}});
    let run = world.a.run_with(body.clone()).await;
    let (shown, id) = (run["output"]["stdout"].as_str().unwrap(), run["id"].as_str().unwrap());
    assert!(shown.contains(text.trim_end()), "{shown}");
    let lines = world.a.all(&format!("logs?run={id}&stream=stdout")).await;
    let masked = format!("{} {} {} order-**", "*".repeat(TOKEN.len()), "*".repeat(15), "*".repeat(19));
    assert!(lines.iter().any(|line| line["text"].as_str().unwrap().contains(&masked)), "{lines:?}");
    // Raw output is read from the log, and is as long as what was written.
    let raw = world.a.get(&format!("runs/{id}/output/stdout")).await.expect(200).text();
    assert_eq!(raw.len(), shown.len());
    assert!(!raw.contains("ann@example.com"));
    // Another tenant has rules of its own.
    world.b.deploy("echo", fixture("echo_lines", Shape::Core), json!({})).await;
    world.b.run_with(body).await;
    let lines = world.b.all("logs?stream=stdout").await;
    assert!(lines.iter().any(|line| line["text"].as_str().unwrap().contains("ann@example.com")));
    assert!(!lines.iter().any(|line| line["text"].as_str().unwrap().contains(TOKEN)));
}

#[tokio::test]
async fn the_audit_is_masked_and_changes_of_rules_are_in_it() {
    let world = World::start().await;
    let rules = json!({"emails": true});
    world.a.put("masking", rules).await.expect(200);
    world.a.send(Method::PUT, "files/ann@example.com.txt", "x").await.expect(201);
    let records = world.a.all("audit?order=asc").await;
    let shown: Vec<_> = records.iter().skip(1).map(|r| (&r["action"], &r["resource"])).collect();
    assert_eq!(
        shown,
        [(&json!("masking:write"), &json!("masking")), (&json!("file:write"), &json!("*******************"))]
    );
    world.a.put("masking", json!({"patterns": ["("]})).await.problem(422, "masking_invalid");
}
