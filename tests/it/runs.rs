//! `/v1/{tenant}/runs`: starting, listing, ending.

use serde_json::{Value, json};

use crate::harness::{HostOptions, Shape, World, fixture};

fn ids(runs: &[Value]) -> Vec<String> {
    runs.iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn runs_are_listed_newest_first_page_by_page() {
    let world = World::start().await;
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    world.a.deploy("code", fixture("exit_code", Shape::Core), json!({})).await;
    let mut started = Vec::new();
    for number in 0..7 {
        let command = if number % 2 == 0 { "lines" } else { "code" };
        started.push(world.a.run(command, &["0"]).await["id"].as_str().unwrap().to_owned());
    }
    started.reverse();
    assert_eq!(ids(&world.a.all("runs?limit=2").await), started);
    assert_eq!(ids(&world.a.all("runs").await), started);
    let of_command: Vec<_> = started.iter().step_by(2).cloned().collect();
    assert_eq!(ids(&world.a.all("runs?limit=3&command=lines").await), of_command);
    assert!(world.a.all("runs?status=running").await.is_empty());
    let page = world.a.get("runs?limit=2").await.expect(200).json();
    assert_eq!((&page["pagination"]["per_page"], &page["pagination"]["has_next"]), (&json!(2), &json!(true)));
    // What is started between two pages does not move the second one.
    let cursor = page["pagination"]["cursor"].as_str().unwrap();
    world.a.run("lines", &["0"]).await;
    let next = world.a.get(&format!("runs?limit=2&cursor={cursor}")).await.expect(200).data();
    assert_eq!(ids(next.as_array().unwrap()), started[2..4]);
}

#[tokio::test]
async fn a_run_that_is_killed_ends_as_cancelled() {
    let world = World::start().await;
    for (fixture_name, args) in [("spin", ["spinning"]), ("wait", ["60000"])] {
        for shape in Shape::ALL {
            world.a.deploy("endless", fixture(fixture_name, shape), json!({})).await;
            let id = world.a.start(json!({"command": "endless", "args": args})).await;
            let mut events = world.a.events(&format!("runs/{id}/output"), None).await;
            events.until("ing\n").await;
            let running = world.a.all("runs?status=running").await;
            assert_eq!(ids(&running), [id.as_str()]);
            let killed = world.a.post(&format!("runs/{id}/kill"), json!({})).await.expect(200).data();
            assert_eq!(killed["outcome"]["kind"], "cancelled", "{killed}");
            assert_eq!(killed["outcome"]["exit_code"], 130);
            let rest = events.rest().await;
            assert_eq!(rest.last().unwrap().event, "exit");
            assert_eq!(rest.last().unwrap().json()["outcome"]["kind"], "cancelled");
            world.a.post(&format!("runs/{id}/kill"), json!({})).await.problem(409, "run_already_ended");
            assert_eq!(world.a.ended(&id).await, killed);
        }
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_ends_the_run_that_they_wait_for() {
    let world = World::start().await;
    world.a.deploy("spin", fixture("spin", Shape::Core), json!({})).await;
    let waiting =
        world.a.request(reqwest::Method::POST, "runs").json(&json!({"command": "spin", "wait": true}));
    let asking = tokio::spawn(waiting.send());
    let id =
        crate::harness::eventually("the run", async || ids(&world.a.all("runs").await).into_iter().next())
            .await;
    asking.abort();
    assert_eq!(world.a.ended(&id).await["outcome"]["kind"], "cancelled");
}

#[tokio::test]
async fn one_run_more_than_the_plan_allows_is_refused_until_another_ends() {
    let config = "[plans.professional]\nconcurrent_runs = 2\nwaiting_runs = 0\n".to_owned();
    let world = World::start_with(HostOptions { config, ..HostOptions::default() }).await;
    for client in [&world.a, &world.b] {
        client.deploy("wait", fixture("wait", Shape::Core), json!({})).await;
    }
    let first = world.a.start(json!({"command": "wait"})).await;
    world.a.start(json!({"command": "wait"})).await;
    let refused = world.a.post("runs", json!({"command": "wait"})).await;
    refused.problem(429, "too_many_runs");
    assert_eq!(refused.header("retry-after"), "1");
    // The other tenant has places of its own.
    world.b.start(json!({"command": "wait"})).await;
    world.a.post(&format!("runs/{first}/kill"), json!({})).await.expect(200);
    world.a.start(json!({"command": "wait"})).await;
}

#[tokio::test]
async fn a_start_without_a_place_waits_for_one_behind_as_many_as_the_plan_allows() {
    let config = "[plans.professional]\nconcurrent_runs = 1\nwaiting_runs = 1\n".to_owned();
    let world = World::start_with(HostOptions { config, ..HostOptions::default() }).await;
    world.a.deploy("wait", fixture("wait", Shape::Core), json!({})).await;
    let running = world.a.start(json!({"command": "wait"})).await;
    let start = || Box::pin(world.a.post("runs", json!({"command": "wait"})));
    // Of the two, one waits, and the other finds that somebody does.
    let (refused, _, mut left) = futures_util::future::select_all([start(), start()]).await;
    refused.problem(429, "too_many_runs");
    assert_eq!(refused.header("retry-after"), "1");
    world.a.post(&format!("runs/{running}/kill"), json!({})).await.expect(200);
    left.remove(0).await.expect(202);
}

#[tokio::test]
async fn a_spinning_tenant_does_not_keep_another_from_running() {
    let world = World::start().await;
    world.a.deploy("spin", fixture("spin", Shape::Core), json!({})).await;
    world.b.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    for _ in 0..8 {
        world.a.start(json!({"command": "spin"})).await;
    }
    for _ in 0..5 {
        assert_eq!(world.b.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
        assert_eq!(world.anonymous.get("/healthz").await.expect(200).text(), "ok\n");
    }
}
