//! Uploads that are refused: a clear reason each, nothing kept, and the host goes on answering.

use serde_json::json;

use crate::harness::{Client, HostOptions, Shape, World, eventually, fixture, leb, section, wat};

/// Nothing of a refused upload is left: no module, and no file on the disk.
async fn assert_nothing_is_kept(world: &World) {
    assert!(world.a.all("modules").await.is_empty());
    for folder in ["uploads", "modules"] {
        let left: Vec<_> = std::fs::read_dir(world.host.data().join(folder)).unwrap().collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
}

async fn refused(client: &Client, wasm: Vec<u8>, status: u16, code: &str) -> String {
    client.upload(wasm).await.problem(status, code)
}

#[tokio::test]
async fn what_is_not_wasm_is_refused() {
    let world = World::start().await;
    for bytes in [&b"#!/bin/sh\necho hi\n"[..], b"PK\x03\x04", b"(module)", &[0xff; 5000]] {
        refused(&world.a, bytes.to_vec(), 422, "module_not_wasm").await;
    }
    refused(&world.a, Vec::new(), 422, "module_empty").await;
    refused(&world.a, b"\0asm\x63\0\0\0".to_vec(), 422, "module_invalid").await;
    assert_nothing_is_kept(&world).await;
}

#[tokio::test]
async fn a_truncated_module_is_refused_wherever_it_is_cut() {
    let world = World::start().await;
    for shape in Shape::ALL {
        let whole = fixture("lines", shape);
        let cuts = (1..24).chain((1..16).map(|part| whole.len() * part / 16)).chain([whole.len() - 1]);
        for cut in cuts {
            let answer = world.a.upload(whole[..cut].to_vec()).await;
            let code = answer.json()["code"].as_str().unwrap_or("").to_owned();
            // A cut between two sections leaves a shorter module that lacks its entry point, or its code.
            let named =
                ["module_truncated", "module_no_entry_point", "module_invalid"].contains(&code.as_str());
            assert!(answer.status == 422 && named, "{shape:?} cut at {cut}: {}", answer.text());
            assert!(code == "module_truncated" || cut != whole.len() / 2, "{shape:?} cut at {cut}: {code}");
        }
    }
    assert_nothing_is_kept(&world).await;
}

#[tokio::test]
async fn a_module_that_breaks_the_rules_is_refused() {
    let world = World::start().await;
    let mut wasm = fixture("lines", Shape::Core);
    let middle = wasm.len() / 2;
    wasm[middle..middle + 64].fill(0xff);
    refused(&world.a, wasm, 422, "module_invalid").await;
    assert_nothing_is_kept(&world).await;
}

#[tokio::test]
async fn a_library_is_refused_as_one() {
    let world = World::start().await;
    for text in ["(module (func (export \"add\")))", "(component)", "(module (func (export \"main\")))"] {
        let detail = refused(&world.a, wat(text), 422, "module_no_entry_point").await;
        assert!(detail.contains("_start") || detail.contains("wasi:cli/run"), "{detail}");
    }
    assert_nothing_is_kept(&world).await;
}

#[tokio::test]
async fn an_import_that_nobody_provides_is_named() {
    let world = World::start().await;
    for (text, name) in [
        (r#"(module (import "env" "launch" (func)) (func (export "_start")))"#, "env::launch"),
        (
            r#"(module (import "wasi_snapshot_preview1" "proc_spawn" (func)) (func (export "_start")))"#,
            "proc_spawn",
        ),
        (r#"(component (import "acme:db/query@1.0.0" (instance)))"#, "acme:db/query@1.0.0"),
    ] {
        let detail = refused(&world.a, wat(text), 422, "module_unknown_import").await;
        assert!(detail.contains(name), "{detail}");
    }
    assert_nothing_is_kept(&world).await;
}

#[tokio::test]
async fn a_known_import_of_another_type_is_refused() {
    let world = World::start().await;
    let text = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param f64))) (func (export "_start")))"#;
    let answer = world.a.upload(wat(text)).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(answer.json()["detail"].as_str().unwrap().contains("fd_write"), "{}", answer.text());
    assert_nothing_is_kept(&world).await;
}

#[tokio::test]
async fn an_entry_point_with_parameters_is_refused() {
    let world = World::start().await;
    let answer = world.a.upload(wat(r#"(module (func (export "_start") (param i32)))"#)).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_nothing_is_kept(&world).await;
}

#[tokio::test]
async fn a_module_larger_than_the_plan_allows_is_refused() {
    let config = "[plans.professional]\nmodule_bytes = 50000\n".to_owned();
    let world = World::start_with(HostOptions { config, ..HostOptions::default() }).await;
    let wasm = fixture("lines", Shape::Core);
    assert!(wasm.len() > 50_000);
    let detail = refused(&world.a, wasm.clone(), 413, "module_too_large").await;
    assert!(detail.contains("50000"), "{detail}");
    // Also when its length is not said before.
    let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(wasm)]);
    world.a.upload(reqwest::Body::wrap_stream(pieces)).await.problem(413, "module_too_large");
    assert_nothing_is_kept(&world).await;
    world.a.upload(wat(r#"(module (func (export "_start")))"#)).await.expect(201);
}

#[tokio::test]
async fn declared_sizes_are_refused_before_anything_is_compiled() {
    let world = World::start().await;
    for text in [
        r#"(module (memory 65536) (func (export "_start")))"#,
        r#"(module (table 10000000 funcref) (func (export "_start")))"#,
    ] {
        refused(&world.a, wat(text), 413, "module_too_large").await;
    }
    assert_nothing_is_kept(&world).await;
}

#[tokio::test]
async fn a_compile_bomb_is_bounded_while_the_host_goes_on() {
    let config = "[engine]\ncompile_ms = 3000\ncompile_memory_bytes = 134217728\n".to_owned();
    let world = World::start_with(HostOptions { config, ..HostOptions::default() }).await;
    world.b.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
    for wasm in [many_functions(150_000), one_function(3_000_000)] {
        let client = world.a.clone();
        let uploading = tokio::spawn(async move { client.upload(wasm).await });
        let answers = eventually("the end of the upload", async || {
            world.anonymous.get("/healthz").await.expect(200);
            assert_eq!(world.b.run("lines", &["1"]).await["output"]["stdout"], "out 1\n");
            uploading.is_finished().then_some(())
        });
        answers.await;
        uploading.await.unwrap().problem(422, "module_compile_limit");
    }
    assert!(world.a.all("modules").await.is_empty());
    let left: Vec<_> = std::fs::read_dir(world.host.data().join("uploads")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    world.a.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
}

/// A module of `count` functions `() -> ()` with this body, the first of which is `_start`.
fn module(count: usize, instructions: &[u8]) -> Vec<u8> {
    // One local of type i64, the instructions, `end`.
    let body = [&[1, 1, 0x7e][..], instructions, &[0x0b]].concat();
    let body = [&leb(body.len())[..], &body].concat();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[leb(count), vec![0; count]].concat()),
        section(7, b"\x01\x06_start\0\0"),
        section(10, &[leb(count), body.repeat(count)].concat()),
    ]
    .concat()
}

/// `local.get 0; i64.const 3; i64.mul; local.set 0`
const STEP: [u8; 7] = [0x20, 0, 0x42, 3, 0x7e, 0x21, 0];

fn many_functions(count: usize) -> Vec<u8> {
    module(count, &STEP.repeat(20))
}

/// Nested blocks with branches out of all of them: what compilers take longest for.
fn one_function(bytes: usize) -> Vec<u8> {
    // loop; STEP; local.get 0; i32.wrap_i64; br_if 0; end
    let knot = [&[0x03, 0x40][..], &STEP, &[0x20, 0, 0xa7, 0x0d, 0, 0x0b]].concat();
    module(1, &knot.repeat(bytes / knot.len()))
}
