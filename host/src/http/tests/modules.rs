//! Modules over HTTP.

use std::fs;

use futures_util::StreamExt;

use super::*;

fn wasm(number: u8) -> Vec<u8> {
    // A custom section, so that each is another module.
    [WASM, &[0, 3, 1, b'n', number]].concat()
}

async fn upload(host: &Host, tenant: &str, token: &str, bytes: &[u8]) -> Reply {
    host.send_bytes(Method::POST, &format!("/v1/{tenant}/modules?name=hello.wasm"), token, bytes).await
}

fn files_below(path: &std::path::Path) -> usize {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { files_below(&path) } else { 1 })
        .sum()
}

#[tokio::test]
async fn an_upload_is_kept_once_and_removed_with_its_last_tenant() {
    let host = Host::start().await;
    let (mine, theirs) = (host.owner_of("mine").await, host.owner_of("theirs").await);
    let data = host.dir.path().join("data");
    let first = upload(&host, "mine", &mine, &wasm(1)).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let digest = first.data()["digest"].as_str().unwrap().to_owned();
    assert_eq!(
        fs::read(data.join("modules").join(&digest[..2]).join(format!("{digest}.wasm"))).unwrap(),
        wasm(1)
    );
    assert_eq!(upload(&host, "mine", &mine, &wasm(1)).await.status, StatusCode::OK);
    // Another tenant does not learn that it exists.
    let path = |tenant: &str| format!("/v1/{tenant}/modules/{digest}");
    assert_eq!(host.get(&path("theirs"), &theirs).await.problem(), "404 module_not_found");
    assert_eq!(upload(&host, "theirs", &theirs, &wasm(1)).await.status, StatusCode::CREATED);
    assert_eq!(files_below(&data.join("modules")), 1);
    assert_eq!(host.call(Method::DELETE, &path("mine"), &mine, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(host.get(&path("mine"), &mine).await.problem(), "404 module_not_found");
    assert_eq!(files_below(&data.join("modules")), 1);
    assert_eq!(
        host.call(Method::DELETE, &path("theirs"), &theirs, None).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(files_below(&data.join("modules")), 0);
    assert_eq!(files_below(&data.join("uploads")), 0);
}

#[tokio::test]
async fn refused_uploads_leave_nothing() {
    let host = Host::start_with(|config| {
        config.plans.free.module_bytes = 100;
        config.plans.free.modules = 1;
    })
    .await;
    let token = host.owner_of("acme").await;
    assert_eq!(upload(&host, "acme", &token, b"").await.problem(), "422 module_empty");
    assert_eq!(upload(&host, "acme", &token, b"#!/bin/sh\n").await.problem(), "422 module_not_wasm");
    assert_eq!(upload(&host, "acme", &token, &[0; 101]).await.problem(), "413 module_too_large");
    let broken = futures_util::stream::iter([Ok(WASM.to_vec()), Err(std::io::Error::other("reset"))]);
    let request = Request::post("/v1/acme/modules").header("authorization", format!("Bearer {token}"));
    let torn = host.send(request.body(Body::from_stream(broken.boxed())).unwrap()).await;
    assert_eq!(torn.problem(), "400 body_incomplete");
    upload(&host, "acme", &token, &wasm(1)).await.data();
    assert_eq!(upload(&host, "acme", &token, &wasm(2)).await.problem(), "409 too_many_modules");
    let path = format!("/v1/acme/modules?name={}", "x".repeat(129));
    let long = host.send_bytes(Method::POST, &path, &token, &wasm(3)).await;
    assert_eq!(long.problem(), "400 invalid_value");
    assert_eq!(files_below(&host.dir.path().join("data/uploads")), 0);
    assert_eq!(files_below(&host.dir.path().join("data/modules")), 1);
    assert_eq!(host.get("/v1/acme/modules", &token).await.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn modules_are_listed_newest_first() {
    let host = Host::start().await;
    let token = host.owner_of("acme").await;
    let mut digests = Vec::new();
    for number in 1..=3 {
        digests.insert(0, upload(&host, "acme", &token, &wasm(number)).await.data()["digest"].clone());
        host.advance_s(1);
    }
    let first = host.get("/v1/acme/modules?limit=2", &token).await.json();
    let cursor = first["pagination"]["cursor"].as_str().unwrap();
    let second = host.get(&format!("/v1/acme/modules?limit=2&cursor={cursor}"), &token).await.json();
    let listed: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap().iter().map(|module| module["digest"].clone()))
        .collect();
    assert_eq!(listed, digests);
    assert_eq!(second["pagination"], json!({"per_page": 2, "has_next": false}));
    for digest in ["x", "..%2f..%2fLOCK", &"A".repeat(64), &"0".repeat(64)] {
        let missing = host.get(&format!("/v1/acme/modules/{digest}"), &token).await;
        assert_eq!(missing.problem(), "404 module_not_found", "{digest}");
    }
}
