//! `/v1/{tenant}/audit`: what is recorded, followed, exported and verified, on the real server and by its command line.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{Client, Shape, World, cloister, fixture};

/// Runs the command line as this client.
async fn cli(world: &World, client: &Client, args: &[&str]) -> Output {
    let mut command = Command::new(cloister());
    command
        .args(args)
        .env("CLOISTER_HOST", world.host.url())
        .env("CLOISTER_TOKEN", client.token())
        .env("CLOISTER_TENANT", client.tenant());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

async fn actions(client: &Client) -> Vec<String> {
    let records = client.all("audit?order=asc").await;
    records
        .iter()
        .map(|r| format!("{} {}", r["action"].as_str().unwrap(), r["outcome"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_run_is_recorded_when_it_starts() {
    let world = World::start().await;
    world.a.deploy("wait", fixture("wait", Shape::Core), json!({})).await;
    let run = world.a.start(json!({"command": "wait", "stdin": "stream"})).await;
    let records = world.a.all("audit?action=run:create").await;
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["resource"], &records[0]["detail"]), (&json!("wait"), &json!(run)));
    world.a.post(&format!("runs/{run}/kill"), json!({})).await.expect(200);
    assert_eq!(
        actions(&world.a).await,
        [
            "POST /v1/operator/tenants done",
            "module:upload done",
            "deployment:write done",
            "run:create done",
            "run:control done"
        ]
    );
    assert_eq!(actions(&world.b).await, ["POST /v1/operator/tenants done"]);
}

#[tokio::test]
async fn a_follower_sees_records_as_they_come_and_comes_back() {
    let world = World::start().await;
    let mut events = world.a.events("audit", None).await;
    world.a.send(reqwest::Method::PUT, "files/a", "x").await.expect(201);
    let event = events.next().await.unwrap();
    assert_eq!((event.event.as_str(), &event.json()["resource"]), ("record", &json!("a")));
    drop(events);
    world.a.send(reqwest::Method::PUT, "files/b", "x").await.expect(201);
    let mut events = world.a.events("audit?action=file:*", event.id.as_deref()).await;
    assert_eq!(events.next().await.unwrap().json()["resource"], "b");
}

#[tokio::test]
async fn acknowledged_changes_are_in_the_audit_after_a_kill() {
    let mut world = World::start().await;
    for number in 0..20 {
        world.a.send(reqwest::Method::PUT, &format!("files/{number}"), "x").await.expect(201);
    }
    world.kill_and_restart();
    let records = world.a.all("audit?action=file:write").await;
    assert_eq!(records.len(), 20);
    world.host.kill();
    let data = world.host.data().to_str().unwrap().to_owned();
    let checked = stdout(&cli(&world, &world.a.in_tenant(""), &["audit", "verify", "--data", &data]).await);
    assert_eq!(checked.lines().filter(|line| line.contains(": intact, ")).count(), 3, "{checked}");
    assert!(checked.contains("acme: intact, 21 records"), "{checked}");
}

#[tokio::test]
async fn the_command_line_lists_exports_and_verifies() {
    let world = World::start().await;
    world.a.send(reqwest::Method::PUT, "files/a", "x").await.expect(201);
    world.a.delete("files/none").await.expect(404);
    let listed = stdout(&cli(&world, &world.a, &["audit", "list"]).await);
    assert!(listed.contains("file:write") && listed.contains("file_not_found"), "{listed}");
    let denied = stdout(&cli(&world, &world.a, &["--json", "audit", "list", "--outcome", "failed"]).await);
    let denied: Value = serde_json::from_str(&denied).unwrap();
    assert_eq!(denied.as_array().unwrap().len(), 1);
    let csv = stdout(&cli(&world, &world.a, &["audit", "export", "--format", "csv"]).await);
    assert_eq!(csv.lines().count(), 4, "{csv}");
    let verified = stdout(&cli(&world, &world.a, &["audit", "verify"]).await);
    assert!(verified.starts_with("acme: intact, 3 records, ends at 3:"), "{verified}");
    let end = verified.trim_end().rsplit(' ').next().unwrap().to_owned();
    world.a.send(reqwest::Method::PUT, "files/b", "x").await.expect(201);
    let again = stdout(&cli(&world, &world.a, &["audit", "verify", "--expect", &end]).await);
    assert!(again.contains("4 records"), "{again}");
    let other = format!("2:{}", "0".repeat(64));
    let broken = cli(&world, &world.a, &["audit", "verify", "--expect", &other]).await;
    assert_eq!(broken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("error[audit_broken]"));
    let of_host = stdout(&cli(&world, &world.operator, &["audit", "verify", "--operator"]).await);
    assert!(of_host.starts_with("host: intact, "), "{of_host}");
}

#[tokio::test]
async fn each_tenant_reads_its_own_chain_only() {
    let world = World::start().await;
    world.a.send(reqwest::Method::PUT, "files/secret-name", "x").await.expect(201);
    for path in ["audit", "audit/head", "audit/export"] {
        world.b.in_tenant("acme").get(path).await.problem(404, "tenant_not_found");
    }
    assert!(!world.b.get("audit/export").await.expect(200).text().contains("secret-name"));
    world.a.get("/v1/operator/audit").await.problem(403, "permission_denied");
}
