//! Tenants, members and keys on the real program: over HTTP, and by its command line.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::harness::{Client, HostOptions, PATIENCE, Shape, World, cloister, fixture};

/// The command line, as somebody with a token.
async fn run(client: &Client, url: &str, args: &[&str]) -> Output {
    let mut command = Command::new(cloister());
    command.args(args).env("CLOISTER_HOST", url).env("CLOISTER_TOKEN", client.token());
    command.env("CLOISTER_TENANT", client.tenant()).stdin(Stdio::null());
    finish(command).await
}

async fn finish(mut command: Command) -> Output {
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    tokio::time::timeout(PATIENCE, ended).await.expect("the command ends").unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[track_caller]
fn refused(output: &Output, code: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains(&format!("error[{code}]")), "{error}");
}

#[tokio::test]
async fn people_and_keys_come_and_go_by_the_command_line() {
    let world = World::start().await;
    let url = world.host.url();
    let link =
        said(&run(&world.a, url, &["user", "invite", "bob@acme.example", "--role", "developer"]).await);
    let token = link.split_once("/#/invitation/").unwrap().1;
    let body = json!({"token": token, "new_password": "correct horse battery"});
    let bob = world.anonymous.post("/v1/auth/invitation", body).await.expect(200).data();
    let bob = world.anonymous.with_token(bob["access_token"].as_str().unwrap()).in_tenant("acme");
    let members = said(&run(&bob, url, &["user", "list"]).await);
    assert!(members.contains("bob@acme.example") && members.contains("developer"), "{members}");
    refused(&run(&bob, url, &["user", "remove", "owner@acme.example"]).await, "permission_denied");
    let key = said(&run(&bob, url, &["key", "create", "ci", "module:read", "--expires", "1h"]).await);
    let by_key = world.anonymous.with_token(&key).in_tenant("acme");
    assert!(said(&run(&by_key, url, &["modules", "--json"]).await).starts_with('['));
    refused(&run(&by_key, url, &["files", "mkdir", "x"]).await, "permission_denied");
    assert!(said(&run(&bob, url, &["session", "list"]).await).contains("ses_"));
    said(&run(&world.a, url, &["role", "set", "reports", "run:create:report-*", "log:read"]).await);
    assert!(said(&run(&world.a, url, &["role", "list"]).await).contains("run:create:report-*"));
    said(&run(&world.a, url, &["user", "role", "bob@acme.example", "reports"]).await);
    refused(&run(&by_key, url, &["modules"]).await, "permission_denied");
    said(&run(&world.a, url, &["user", "remove", "bob@acme.example"]).await);
    refused(&run(&by_key, url, &["modules"]).await, "token_invalid");
    refused(&run(&bob, url, &["modules"]).await, "tenant_not_found");
}

#[tokio::test]
async fn a_stream_ends_when_its_reader_may_no_longer_read() {
    let world = World::start().await;
    let invited = json!({"email": "bob@acme.example", "role": "viewer"});
    let invited = world.a.post("invitations", invited).await.expect(201).data();
    let token = invited["link"].as_str().unwrap().split_once("/#/invitation/").unwrap().1.to_owned();
    let tokens =
        world.anonymous.post("/v1/auth/invitation", json!({"token": token})).await.expect(200).data();
    let bob = world.anonymous.with_token(tokens["access_token"].as_str().unwrap()).in_tenant("acme");
    let events = bob.events("logs", None).await;
    let id = tokens["principal"]["id"].as_str().unwrap();
    world.a.delete(&format!("members/{id}")).await.expect(204);
    // Were it not ended, this would wait for ever.
    assert_eq!(events.rest().await, []);
}

#[tokio::test]
async fn a_tenant_is_suspended_moved_and_erased_on_the_real_program() {
    let mut world = World::start().await;
    world.a.deploy("spin", fixture("spin", Shape::Core), json!({})).await;
    world.a.deploy("echo", fixture("echo_lines", Shape::Core), json!({})).await;
    world.a.send(reqwest::Method::PUT, "files/a/b.txt", "kept").await.expect(201);
    let run_id = world.a.start(json!({"command": "spin"})).await;
    let url = world.host.url().to_owned();
    let operator = world.operator.clone();
    said(&run(&operator, &url, &["tenant", "suspend", "acme", "--reason", "abuse"]).await);
    assert_eq!(world.a.ended(&run_id).await["outcome"]["kind"], "cancelled");
    world.a.post("runs", json!({"command": "echo"})).await.problem(403, "tenant_suspended");
    // It is so after a power cut too.
    world.kill_and_restart();
    world.a.post("runs", json!({"command": "echo"})).await.problem(403, "tenant_suspended");
    let (url, operator) = (world.host.url().to_owned(), world.operator.clone());
    said(&run(&operator, &url, &["tenant", "resume", "acme", "--reason", "sorted out"]).await);

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("acme.tar.gz");
    let file = file.to_str().unwrap();
    said(&run(&world.a, &url, &["tenant", "export", "acme", file]).await);
    let import =
        ["tenant", "import", file, "--slug", "copy", "--owner", "new@copy.example", "--reason", "moved"];
    let link = said(&run(&operator, &url, &import).await);
    let copy = sign_in(&world, &link).await;
    assert_eq!(copy.get("files/a/b.txt").await.expect(200).body, b"kept");
    let off = ["tenant", "offboard", "acme", "--reason", "left", "--grace", "1h"];
    assert!(said(&run(&operator, &url, &off).await).contains("offboarding"));
    let erase = ["tenant", "erase", "acme", "--reason", "left", "--confirm", "acme"];
    let receipt: serde_json::Value =
        serde_json::from_str(&said(&run(&operator, &url, &erase).await)).unwrap();
    // The copy has the same modules.
    assert_eq!((&receipt["modules"], &receipt["module_files"]), (&json!(2), &json!(0)));
    // The owner's account stays: it belongs to the copy.
    world.a.get("runs").await.problem(404, "tenant_not_found");
    assert_eq!(
        copy.run_with(json!({"command": "echo", "stdin": {"text": "x\n"}})).await["outcome"]["exit_code"],
        0
    );
}

async fn sign_in(world: &World, link: &str) -> Client {
    let token = link.split_once("/#/link/").unwrap().1;
    let tokens = world.anonymous.post("/v1/auth/link", json!({"token": token})).await.expect(200).data();
    world.anonymous.with_token(tokens["access_token"].as_str().unwrap()).in_tenant("copy")
}

#[tokio::test]
async fn the_operator_gets_back_in_on_the_machine() {
    let mut world = World::start_with(HostOptions::default()).await;
    let link = async |data: &Path| {
        let mut command = Command::new(cloister());
        command.args(["operator", "link", "--data"]).arg(data).stdin(Stdio::null());
        finish(command).await
    };
    let data = world.host.data().to_owned();
    refused(&link(&data).await, "data_dir_in_use");
    world.host.terminate();
    assert!(world.host.ended().await.success());
    let made = said(&link(&data).await);
    world.restart();
    let token = made.split_once("/#/link/").unwrap().1;
    let tokens = world.anonymous.post("/v1/auth/link", json!({"token": token})).await.expect(200).data();
    assert_eq!(tokens["principal"]["operator"], true);
    let operator = world.anonymous.with_token(tokens["access_token"].as_str().unwrap());
    said(&run(&operator.in_tenant("none"), world.host.url(), &["operator", "rotate-keys"]).await);
    // Signed with the old key, and good until it expires; a restart knows both keys.
    operator.get("/v1/auth/me").await.expect(200);
    world.kill_and_restart();
    operator.at(world.host.url()).get("/v1/auth/me").await.expect(200);
}
