//! The quota of a tenant's directory: over runs, uploads and restarts, for modules and components alike.

use reqwest::Method;
use serde_json::json;

use crate::harness::{HostOptions, Shape, World, fixture};

const PLAN: &str = "[plans.professional]\nstorage_bytes = 20000\nstorage_entries = 6\n";
const SHAPES: [(&str, Shape); 2] = [("files", Shape::Core), ("files.component", Shape::Component)];

async fn world() -> World {
    let config = format!("[store]\nlow_disk_bytes = 0\n{PLAN}");
    let world = World::start_with(HostOptions { config, data: None }).await;
    let everything = json!({"directories": [{"path": "/", "guest": "/", "access": "read_write"}]});
    for (name, shape) in SHAPES {
        world.a.deploy(name, fixture("files", shape), everything.clone()).await;
    }
    world
}

async fn act(world: &World, command: &str, args: &[&str]) -> Result<(), String> {
    let run = world.a.run(command, args).await;
    assert_eq!(run["outcome"]["kind"], "exited", "{run}");
    match run["outcome"]["exit_code"].as_u64().unwrap() {
        0 => Ok(()),
        _ => Err(run["output"]["stderr"].as_str().unwrap().to_owned()),
    }
}

async fn over(world: &World, command: &str, args: &[&str]) {
    let error = act(world, command, args).await.unwrap_err();
    // `EDQUOT` of WASI.
    assert!(error.contains("QuotaExceeded Some(19)"), "{command} {args:?}: {error}");
}

async fn put(world: &World, path: &str, bytes: usize) -> Option<String> {
    let answer = world.a.send(Method::PUT, &format!("files/{path}"), vec![7; bytes]).await;
    (answer.status != 201).then(|| answer.problem(507, "storage_full"))
}

#[tokio::test]
async fn runs_and_uploads_share_one_quota_and_go_on_when_there_is_room() {
    for (command, _) in SHAPES {
        let world = world().await;
        act(&world, command, &["fill", "/a", "12000"]).await.unwrap();
        assert!(put(&world, "b", 9000).await.is_some());
        assert!(put(&world, "b", 7000).await.is_none());
        over(&world, command, &["append", "/b", &"x".repeat(2000)]).await;
        over(&world, command, &["resize", "/a", "20000"]).await;
        act(&world, command, &["append", "/b", &"x".repeat(1000)]).await.unwrap();
        act(&world, command, &["resize", "/a", "11000"]).await.unwrap();
        act(&world, command, &["rename", "/a", "/b"]).await.unwrap();
        // 11,000 bytes are left.
        assert!(put(&world, "c", 9000).await.is_none());
        assert!(put(&world, "d", 1).await.is_some());
        world.a.delete("files/b").await.expect(204);
        act(&world, command, &["fill", "/d", "11000"]).await.unwrap();
        over(&world, command, &["append", "/d", "x"]).await;
    }
}

#[tokio::test]
async fn names_are_bounded_whoever_makes_them() {
    for (command, _) in SHAPES {
        let world = world().await;
        assert!(put(&world, "x/y/a", 1).await.is_none());
        act(&world, command, &["mkdir", "/d"]).await.unwrap();
        act(&world, command, &["write", "/d/a", ""]).await.unwrap();
        act(&world, command, &["write", "/d/b", ""]).await.unwrap();
        over(&world, command, &["mkdir", "/e"]).await;
        over(&world, command, &["write", "/d/c", ""]).await;
        assert!(put(&world, "z", 0).await.is_some());
        act(&world, command, &["remove", "/d/b"]).await.unwrap();
        act(&world, command, &["mkdir", "/e"]).await.unwrap();
        assert!(put(&world, "z", 0).await.is_some());
        world.a.delete("files/x").await.expect(204);
        assert!(put(&world, "z", 0).await.is_none());
    }
}

#[tokio::test]
async fn usage_survives_a_stop_and_a_kill_and_is_compared_with_the_disk() {
    let mut world = world().await;
    act(&world, "files", &["fill", "/a", "12000"]).await.unwrap();
    world.kill_and_restart();
    assert!(put(&world, "b", 8001).await.is_some());
    assert!(put(&world, "b", 8000).await.is_none());
    world.host.terminate();
    assert!(world.host.ended().await.success());
    world.restart();
    over(&world, "files.component", &["append", "/a", "x"]).await;
    world.host.terminate();
    assert!(world.host.ended().await.success());
    // Somebody made room while the host was away. The first use finds the record, and then what is really there.
    let tenants = std::fs::read_dir(world.host.data().join("tenants")).unwrap();
    let removed =
        tenants.flatten().filter(|tenant| std::fs::remove_file(tenant.path().join("files/a")).is_ok());
    assert_eq!(removed.count(), 1);
    world.restart();
    crate::harness::eventually("the disk is counted", async || {
        put(&world, "c", 12000).await.is_none().then_some(())
    })
    .await;
}
