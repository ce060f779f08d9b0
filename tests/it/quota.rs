//! Rates and quotas on the real server: refused, shown, and still there after a kill.

use serde_json::{Value, json};

use crate::harness::{HostOptions, Shape, World, eventually, fixture};

const CONFIG: &str =
    "[plans.professional]\nruns_per_month = 4\nruns_per_minute = 1000\nuploads_per_hour = 2\n";

async fn item(world: &World, name: &str) -> Value {
    let usage = world.a.get("usage").await.expect(200).data();
    usage["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap().clone()
}

#[tokio::test]
async fn counts_and_rates_survive_a_kill() {
    let mut world =
        World::start_with(HostOptions { config: CONFIG.to_owned(), ..HostOptions::default() }).await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    for _ in 0..3 {
        world.a.run("lines", &["1"]).await;
    }
    assert_eq!(item(&world, "runs_per_month").await["used"], 3);
    // What is written a second later, and durable half a second after that.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    world.kill_and_restart();
    assert_eq!(item(&world, "runs_per_month").await["used"], 3);
    let uploads = item(&world, "uploads_per_hour").await;
    assert_eq!(
        (&uploads["used"], &uploads["limit"], &uploads["percent"]),
        (&json!(1), &json!(2), &json!(50))
    );
    world.a.upload(fixture("wait", Shape::Core)).await.expect(201);
    let refused = world.a.upload(fixture("echo_lines", Shape::Core)).await;
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 1_000);
    world.a.run("lines", &["1"]).await;
    let refused = world.a.post("runs", json!({"command": "lines"})).await;
    refused.problem(429, "quota_exceeded");
    assert_eq!((refused.header("x-ratelimit-limit"), refused.header("x-ratelimit-remaining")), ("4", "0"));
    eventually("the warnings", async || {
        let warned = world.a.all("audit?action=quota:warning&resource=runs_per_month").await;
        (warned.len() == 1).then_some(())
    })
    .await;
    assert_eq!(world.a.all("runs").await.len(), 4);
}

#[tokio::test]
async fn a_larger_plan_counts_at_once() {
    let config = "[plans.professional]\nrequests_per_minute = 0\nrequests_per_minute_principal = 3\n";
    let mut world =
        World::start_with(HostOptions { config: config.to_owned(), ..HostOptions::default() }).await;
    for _ in 0..3 {
        world.a.get("modules").await.expect(200);
    }
    world.a.get("modules").await.problem(429, "rate_limited");
    world.b.get("modules").await.expect(200);
    world.host.configure("[plans.professional]\nrequests_per_minute_principal = 1000\n");
    world.kill_and_restart();
    world.a.get("modules").await.expect(200);
}
