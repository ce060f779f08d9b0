//! The tenant's files over HTTP.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;

async fn host_with_files() -> (Host, String, PathBuf) {
    let host = Host::start().await;
    let token = host.owner_of("acme").await;
    let id = host.get("/v1/acme/modules", &token).await.json()["tenant_id"].as_str().unwrap().to_owned();
    let root = host.dir.path().join("data/tenants").join(id).join("files");
    (host, token, root)
}

async fn put(host: &Host, token: &str, path: &str, bytes: &[u8]) -> Reply {
    host.send_bytes(Method::PUT, &format!("/v1/acme/files/{path}"), token, bytes).await
}

async fn get(host: &Host, token: &str, path: &str) -> Reply {
    host.get(&format!("/v1/acme/files/{path}"), token).await
}

async fn remove(host: &Host, token: &str, path: &str) -> Reply {
    host.call(Method::DELETE, &format!("/v1/acme/files/{path}"), token, None).await
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_written() {
    let (host, token, root) = host_with_files().await;
    let made = put(&host, &token, "in/a%20b/%C3%A9.bin", b"\0\xff<script>").await;
    assert_eq!((made.status, &made.data()["name"]), (StatusCode::CREATED, &json!("é.bin")));
    assert_eq!(fs::read(root.join("in/a b/é.bin")).unwrap(), b"\0\xff<script>");
    let got = get(&host, &token, "in/a%20b/%C3%A9.bin").await;
    assert_eq!(got.body, b"\0\xff<script>");
    assert_eq!(got.headers["content-type"], "application/octet-stream");
    assert_eq!(got.headers["content-security-policy"], "default-src 'none'; sandbox");
    assert_eq!(got.headers["content-length"], "10");
    put(&host, &token, "in/a%20b/%C3%A9.bin", b"new").await.data();
    assert_eq!(get(&host, &token, "in/a%20b/%C3%A9.bin").await.body, b"new");
    assert_eq!(remove(&host, &token, "in").await.status, StatusCode::NO_CONTENT);
    assert_eq!(get(&host, &token, "in/a%20b").await.problem(), "404 file_not_found");
    assert_eq!(remove(&host, &token, "in").await.problem(), "404 file_not_found");
    assert_eq!(fs::read_dir(root.with_file_name("incoming")).unwrap().count(), 0);
}

#[tokio::test]
async fn directories_are_made_and_listed_page_by_page() {
    let (host, token, _) = host_with_files().await;
    let made = host.send_bytes(Method::PUT, "/v1/acme/files/d/e?kind=directory", &token, b"").await;
    assert_eq!(made.data()["kind"], "directory");
    for name in ["b", "a", "%C3%A9%20f", "c"] {
        put(&host, &token, name, name.as_bytes()).await.data();
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = host.get(&format!("/v1/acme/files?limit=2{cursor}"), &token).await.json();
        names.extend(
            page["data"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["pagination"]["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(names, ["a", "b", "c", "d", "é f"]);
    let listed = get(&host, &token, "d").await.data();
    assert_eq!(
        (&listed[0]["name"], &listed[0]["kind"], &listed[0]["size_bytes"]),
        (&json!("e"), &json!("directory"), &json!(0))
    );
}

#[tokio::test]
async fn no_path_leaves_the_tenants_directory() {
    let (host, token, root) = host_with_files().await;
    fs::write(host.dir.path().join("data/secret"), b"secret").unwrap();
    symlink("../../../secret", root.join("up")).unwrap();
    symlink("/etc", root.join("etc")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("a", root.join("within")).unwrap();
    put(&host, &token, "a", b"inside").await.data();
    for path in
        ["..", "%2e%2e/secret", "a/%2e%2e/%2e%2e/x", "..%2f..%2fsecret", "up", "etc/passwd", "loop", "a%00b"]
    {
        let read = get(&host, &token, path).await;
        assert_eq!(read.problem(), "400 path_invalid", "{path}");
        if !["up", "loop"].contains(&path) {
            let written = put(&host, &token, path, b"x").await.problem();
            assert!(["400 path_invalid", "409 file_exists"].contains(&&*written), "{path}: {written}");
        }
    }
    assert_eq!(get(&host, &token, "within").await.body, b"inside");
    // A link is replaced or removed itself, never what it points to.
    put(&host, &token, "up", b"mine").await.data();
    assert_eq!(remove(&host, &token, "etc").await.status, StatusCode::NO_CONTENT);
    assert_eq!(fs::read(host.dir.path().join("data/secret")).unwrap(), b"secret");
    assert!(fs::exists("/etc/passwd").unwrap());
    assert_eq!(get(&host, &token, &"x".repeat(256)).await.problem(), "400 path_invalid");
}

#[tokio::test]
async fn what_is_neither_file_nor_directory_is_never_opened() {
    let (host, token, root) = host_with_files().await;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let read = tokio::time::timeout(Duration::from_secs(10), get(&host, &token, "pipe")).await.unwrap();
    assert_eq!(read.problem(), "409 not_a_file");
    let listed = get(&host, &token, "").await;
    assert_eq!(listed.data()[0]["kind"], "other");
    assert_eq!(remove(&host, &token, "pipe").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn files_and_directories_do_not_take_each_others_place() {
    let (host, token, _) = host_with_files().await;
    put(&host, &token, "f", b"x").await.data();
    put(&host, &token, "d/f", b"x").await.data();
    assert_eq!(put(&host, &token, "d", b"x").await.problem(), "409 not_a_file");
    assert!(put(&host, &token, "f/x", b"x").await.problem().starts_with("409 "));
    let made = host.send_bytes(Method::PUT, "/v1/acme/files/f?kind=directory", &token, b"").await;
    assert!(made.problem().starts_with("409 "));
    assert_eq!(get(&host, &token, "f/x").await.problem(), "409 not_a_directory");
    assert_eq!(
        host.call(Method::DELETE, "/v1/acme/files/.", &token, None).await.problem(),
        "400 path_invalid"
    );
    let unknown = host.send_bytes(Method::PUT, "/v1/acme/files/g?kind=socket", &token, b"").await;
    assert_eq!(unknown.problem(), "400 malformed_query");
}

#[tokio::test]
async fn a_file_that_is_too_large_leaves_the_old_one() {
    let host = Host::start_with(|config| config.http.file_bytes = 10).await;
    let token = host.owner_of("acme").await;
    put(&host, &token, "f", b"old").await.data();
    assert_eq!(put(&host, &token, "f", &[0; 11]).await.problem(), "413 file_too_large");
    assert_eq!(get(&host, &token, "f").await.body, b"old");
}

/// A host whose free plan allows so much.
async fn small_host(bytes: u64, entries: u64) -> (Host, String, PathBuf) {
    let host = Host::start_with(|config| {
        config.plans.free.storage_bytes = bytes;
        config.plans.free.storage_entries = entries;
    })
    .await;
    let token = host.owner_of("acme").await;
    let id = host.get("/v1/acme/modules", &token).await.json()["tenant_id"].as_str().unwrap().to_owned();
    let root = host.dir.path().join("data/tenants").join(id).join("files");
    (host, token, root)
}

#[tokio::test]
async fn uploads_stay_within_the_plans_bytes_and_give_back() {
    let (host, token, root) = small_host(100, 10).await;
    put(&host, &token, "a", &[1; 60]).await.data();
    assert_eq!(put(&host, &token, "b", &[1; 41]).await.problem(), "507 storage_full");
    assert!(!root.join("b").exists());
    assert_eq!(fs::read_dir(root.with_file_name("incoming")).unwrap().count(), 0);
    put(&host, &token, "b", &[1; 40]).await.data();
    // A file that replaces another needs room beside it until it has arrived.
    assert_eq!(put(&host, &token, "a", &[2; 1]).await.problem(), "507 storage_full");
    assert_eq!(remove(&host, &token, "b").await.status, StatusCode::NO_CONTENT);
    put(&host, &token, "a", &[2; 30]).await.data();
    put(&host, &token, "b", &[1; 70]).await.data();
    assert_eq!(put(&host, &token, "c", &[1; 1]).await.problem(), "507 storage_full");
    put(&host, &token, "c", b"").await.data();
}

#[tokio::test]
async fn uploads_and_directories_stay_within_the_plans_entries() {
    let (host, token, root) = small_host(1000, 4).await;
    put(&host, &token, "d/e/a", b"1").await.data();
    let directory = |path: &str| format!("/v1/acme/files/{path}?kind=directory");
    host.send_bytes(Method::PUT, &directory("d/e"), &token, b"").await.data();
    host.send_bytes(Method::PUT, &directory("f"), &token, b"").await.data();
    let full = host.send_bytes(Method::PUT, &directory("g"), &token, b"").await;
    assert_eq!(full.problem(), "507 storage_full");
    assert_eq!(put(&host, &token, "b", b"1").await.problem(), "507 storage_full");
    put(&host, &token, "d/e/a", b"2").await.data();
    // A hard link, a link out and a deep tree, as guests make them, are removed with the rest.
    fs::hard_link(root.join("d/e/a"), root.join("d/same")).unwrap();
    symlink("../../..", root.join("d/out")).unwrap();
    assert_eq!(remove(&host, &token, "d").await.status, StatusCode::NO_CONTENT);
    assert!(root.join("../../..").exists());
    put(&host, &token, "x/y/z", b"1").await.data();
}

#[tokio::test]
async fn no_path_of_a_request_leaves_the_directory() {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;

    let (host, token, root) = small_host(1 << 20, 1000).await;
    let beside = root.with_file_name("secret");
    fs::write(&beside, "secret").unwrap();
    let parts = || {
        prop::sample::select(vec![
            "..",
            "..",
            "%2e%2e",
            "..%2f..",
            ".",
            "",
            "up",
            "far",
            "d",
            "D",
            "secret",
            "files",
            "%00",
            "proc",
            "self",
            "fd",
            "3",
            "%5c..",
            "%e2%80%ae",
            "%ff",
            "C:",
            "~",
            "etc",
            "passwd",
            "out",
        ])
    };
    let paths = prop::collection::vec(parts(), 1..8).prop_map(|parts| parts.join("/"));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..400 {
        for (link, target) in [("up", ".."), ("far", "../../../../../.."), ("out", "../secret")] {
            // One may have been removed by the last step.
            let _ = symlink(target, root.join(link));
        }
        let path = paths.new_tree(&mut runner).unwrap().current();
        let read = get(&host, &token, &path).await;
        assert_ne!(read.body, b"secret", "{path}");
        put(&host, &token, &path, b"written").await;
        remove(&host, &token, &path).await;
        assert_eq!(fs::read(&beside).unwrap(), b"secret", "{path}");
        let mut names: Vec<_> =
            fs::read_dir(beside.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.retain(|name| name != "incoming");
        assert_eq!(names, ["files", "secret"], "{path}");
    }
}
