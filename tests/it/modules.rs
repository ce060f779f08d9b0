//! `/v1/{tenant}/modules`: what is kept of an upload.

use serde_json::json;

use crate::harness::{Shape, World, fixture};

#[tokio::test]
async fn a_module_tells_what_it_is_and_what_it_needs() {
    let world = World::start().await;
    let core = world.a.upload(fixture("files", Shape::Core)).await.expect(201).data();
    assert_eq!((&core["kind"], &core["wasi"]), (&json!("core"), &json!("preview1")));
    assert!(core["imports"].as_array().unwrap().contains(&json!("wasi_snapshot_preview1::path_open")));
    assert!(core["needs"].as_array().unwrap().contains(&json!("filesystem")));
    let component = world.a.upload(fixture("files", Shape::Component)).await.expect(201).data();
    assert_eq!((&component["kind"], &component["wasi"]), (&json!("component"), &json!("0.2")));
    assert!(component["needs"].as_array().unwrap().contains(&json!("filesystem")));
    for module in [&core, &component] {
        let digest = module["digest"].as_str().unwrap();
        assert_eq!(world.a.get(&format!("modules/{digest}")).await.expect(200).data(), *module);
    }
    let listed = world.a.all("modules?limit=1").await;
    assert_eq!(listed, [component, core]);
}

#[tokio::test]
async fn the_same_module_again_is_kept_once() {
    let world = World::start().await;
    let wasm = fixture("lines", Shape::Core);
    let first = world.a.upload(wasm.clone()).await.expect(201).data();
    assert_eq!(world.a.upload(wasm.clone()).await.expect(200).data(), first);
    // Another tenant does not learn that somebody else has it.
    let other = world.b.upload(wasm).await.expect(201).data();
    assert_eq!(other["digest"], first["digest"]);
    assert_eq!(world.a.all("modules").await.len(), 1);
}

#[tokio::test]
async fn a_module_in_use_stays_and_its_last_owner_removes_it() {
    let world = World::start().await;
    let wasm = fixture("lines", Shape::Core);
    let deployed = world.a.deploy("lines", wasm.clone(), json!({})).await;
    world.b.deploy("lines", wasm, json!({})).await;
    let path = format!("modules/{}", deployed["active"]["module"].as_str().unwrap());
    assert!(world.a.delete(&path).await.problem(409, "module_in_use").contains("`lines`"));
    world.a.delete("deployments/lines").await.expect(204);
    world.a.delete(&path).await.expect(204);
    world.a.get(&path).await.problem(404, "module_not_found");
    assert_eq!(world.b.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
}
