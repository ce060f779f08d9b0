//! A tenant leaves as an archive and comes back from it; a changed archive does not.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::members::join;
use super::*;
use crate::auth::TenantScope;
use crate::logs::{LineSource, LogStream};

const IMPORT: &str = "/v1/operator/import?slug=copy&owner_email=new@copy.test&reason=moved";

/// A tenant with something of everything.
async fn furnished(host: &Host) -> String {
    let owner = host.owner_of("acme").await;
    join(host, &owner, "acme", "bob@acme.test", "developer").await;
    let role = json!({"permissions": ["run:create:n*"], "description": "x"});
    host.call(Method::PUT, "/v1/acme/roles/runs", &owner, Some(role)).await.data();
    let hello = wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
            (func (export "_start")
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))"#,
    )
    .unwrap();
    let uploaded =
        host.send_bytes(Method::POST, "/v1/acme/modules?name=hello.wasm", &owner, &hello).await.data();
    for description in ["first", "second"] {
        let body =
            json!({"module": uploaded["digest"], "description": description, "limits": {"wall_ms": 5000}});
        host.call(Method::PUT, "/v1/acme/deployments/hello", &owner, Some(body)).await.data();
    }
    let run = host.post("/v1/acme/runs", &owner, json!({"command": "hello", "wait": true})).await.data();
    assert_eq!(run["outcome"]["exit_code"], 0, "{run}");
    host.send_bytes(Method::PUT, "/v1/acme/files/deep/er/a.txt", &owner, b"text").await.data();
    let caller = host.app.auth.authenticate(&owner).await.unwrap();
    let scope = host.app.auth.enter(&caller, "acme").await.unwrap().scope().clone();
    for line in ["ls", "hello"] {
        host.app.console.history().add(&scope, &caller.principal(), line).await.unwrap();
    }
    let looks = json!({"name": "Acme & Co"});
    host.call(Method::PATCH, "/v1/acme/settings", &owner, Some(looks)).await.data();
    owner
}

fn unpack(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (path, content)
    });
    entries.collect()
}

fn pack(entries: &[(String, Vec<u8>)], kind: impl Fn(&str) -> tar::EntryType) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_entry_type(kind(path));
        header.set_mode(0o600);
        // The library refuses to write `..`: the name is written past it.
        let name = path.as_bytes();
        header.as_old_mut().name[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        header.set_cksum();
        tar.append(&header, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn kind(path: &str) -> tar::EntryType {
    if path.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular }
}

async fn import(host: &Host, operator: &str, archive: &[u8]) -> Reply {
    host.send_bytes(Method::POST, IMPORT, operator, archive).await
}

/// Paths and contents of an archive, in order.
type Entries = Vec<(String, Vec<u8>)>;

#[tokio::test]
async fn a_tenant_comes_back_from_its_archive() {
    let host = Host::start().await;
    let (operator, owner) = (host.operator().await, furnished(&host).await);
    let exported = host.get("/v1/acme/export", &owner).await;
    assert_eq!(exported.headers["content-type"], "application/gzip");
    let other = Host::start().await;
    let operator_there = other.operator().await;
    let made = import(&other, &operator_there, &exported.body).await.data();
    let owner =
        other.sign_in_by_link(made["owner_link"].as_str().unwrap().split_once("/#/link/").unwrap().1).await;
    let get = async |path: &str| other.get(&format!("/v1/copy/{path}"), &owner).await;
    assert_eq!(get("settings").await.data()["name"], "Acme & Co");
    assert_eq!(get("members").await.data().as_array().unwrap().len(), 3);
    assert_eq!(get("roles").await.data()[5]["permissions"], json!(["run:create:n*"]));
    assert_eq!(get("modules").await.data()[0]["name"], "hello.wasm");
    let hello = get("deployments/hello").await.data();
    assert_eq!((&hello["version"], &hello["active"]["description"]), (&json!(2), &json!("second")));
    assert_eq!(get("files/deep/er/a.txt").await.body, b"text");
    // What a member typed is theirs there, and nobody else's.
    let email = "owner@acme.test".parse().unwrap();
    let member = other.app.store.reader_blocking().user_by_email(&email).unwrap().unwrap();
    let member = other.app.tenancy.link_for(&member.id).await.unwrap();
    let member = other.sign_in_by_link(member.reveal()).await;
    let typed = other.get("/v1/copy/console/history", &member).await.data();
    assert_eq!((&typed[0]["line"], &typed[1]["line"]), (&json!("hello"), &json!("ls")));
    assert_eq!(get("console/history").await.data(), json!([]));
    let runs = get("runs").await.data();
    assert_eq!((runs.as_array().unwrap().len(), &runs[0]["command"]), (1, &json!("hello")));
    let lines = get("logs").await.data();
    assert_eq!((lines.as_array().unwrap().len(), &lines[0]["text"]), (1, &json!("hello")));
    assert_eq!(lines[0]["run"], runs[0]["id"]);
    let run = other.post("/v1/copy/runs", &owner, json!({"command": "hello", "wait": true})).await.data();
    assert_eq!(run["output"]["stdout"], "hello\n");
    // The operator needs a reason, and gets the same.
    assert_eq!(host.get("/v1/operator/tenants/acme/export", &operator).await.problem(), "400 invalid_value");
    let theirs = host.get("/v1/operator/tenants/acme/export?reason=backup", &operator).await;
    let names = |archive: &[u8]| unpack(archive).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert_eq!(names(&theirs.body), names(&exported.body));
    assert_eq!(import(&other, &operator_there, &exported.body).await.problem(), "409 slug_taken");
}

#[tokio::test]
async fn lines_that_are_damaged_are_told_in_the_archive_and_where_it_goes() {
    let host = Host::start().await;
    let owner = host.owner_of("acme").await;
    let tenant = host.get("/v1/acme/logs", &owner).await.json()["tenant_id"].clone();
    let scope = TenantScope::for_test(tenant.as_str().unwrap().parse().unwrap());
    let run = "run_00000000000000000000000001".parse().unwrap();
    let log = host.app.logs.run(&scope, LineSource::of_run(run, "hello".parse().unwrap()));
    for _ in 0..3 {
        let mut out = log.capture(LogStream::Stdout);
        out.write("some text of some length\n".repeat(1_500).as_bytes()).await.unwrap();
        out.finish().await.unwrap();
        log.flush().await.unwrap();
    }
    host.app.store.log_chunks().damage_for_test(&scope, 1).unwrap();
    let page = host.get("/v1/acme/logs?order=asc&limit=1", &owner).await.json();
    let last = page["missing"][0]["last_seq"].as_u64().unwrap();
    let exported = host.get("/v1/acme/export", &owner).await;
    let (_, lines) = unpack(&exported.body).into_iter().find(|(path, _)| path.starts_with("logs/")).unwrap();
    let first: Value = serde_json::from_slice(lines.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!(first, json!({"missing": {"first_seq": 1, "last_seq": last}}));

    let other = Host::start().await;
    let operator = other.operator().await;
    let made = import(&other, &operator, &exported.body).await.data();
    let link = made["owner_link"].as_str().unwrap().split_once("/#/link/").unwrap().1;
    let owner = other.sign_in_by_link(link).await;
    let first = other.get("/v1/copy/logs?order=asc&limit=2", &owner).await.data();
    assert_eq!((&first[0]["stream"], &first[0]["level"]), (&json!("system"), &json!("warn")));
    assert_eq!(first[0]["text"], format!("lines 1 to {last} were damaged where this log comes from"));
    assert_eq!(first[1]["text"], "some text of some length");
    let counted = other.get("/v1/copy/logs?limit=1&count=true", &owner).await.json();
    assert_eq!(counted["count"]["lines"], 4_500 - last + 1);
}

#[tokio::test]
async fn an_archive_that_is_not_as_it_was_written_leaves_nothing() {
    let host = Host::start_with(|config| config.tenancy.import_bytes = 64 << 20).await;
    let (operator, owner) = (host.operator().await, furnished(&host).await);
    let whole = host.get("/v1/acme/export", &owner).await.body;
    let entries = unpack(&whole);
    let refused = async |what: &str, archive: Vec<u8>| {
        let reply = import(&host, &operator, &archive).await;
        assert!(
            reply.problem().ends_with("archive_invalid") || reply.problem().ends_with("archive_too_large"),
            "{what}: {}",
            reply.problem()
        );
    };
    let changed = |change: &dyn Fn(&mut Entries)| {
        let mut entries = entries.clone();
        change(&mut entries);
        pack(&entries, kind)
    };
    refused("nothing", Vec::new()).await;
    refused("no gzip", b"not an archive".to_vec()).await;
    for length in [20, whole.len() / 2, whole.len() - 20] {
        refused("cut off", whole[..length].to_vec()).await;
    }
    let at = |entries: &[(String, Vec<u8>)], name: &str| {
        entries.iter().position(|(path, _)| path.contains(name)).unwrap()
    };
    refused(
        "a changed file",
        changed(&|all| {
            let at = at(all, "a.txt");
            all[at].1 = b"tex!".to_vec()
        }),
    )
    .await;
    refused(
        "a missing file",
        changed(&|all| {
            let at = at(all, "a.txt");
            drop(all.remove(at))
        }),
    )
    .await;
    refused("a further file", changed(&|all| all.insert(5, ("files/x".to_owned(), b"x".to_vec())))).await;
    refused("another order", changed(&|all| all.swap(1, 2))).await;
    refused("no manifest", changed(&|all| drop(all.pop()))).await;
    refused("something behind it", changed(&|all| all.push(("files/x".to_owned(), b"x".to_vec())))).await;
    refused(
        "one twice",
        changed(&|all| {
            let twice = all[1].clone();
            all.insert(1, twice)
        }),
    )
    .await;
    for name in ["files/../../escape", "/etc/passwd", "../x", "files//x", "keys/x", "files/./x"] {
        refused(name, changed(&|all| all.insert(1, (name.to_owned(), b"x".to_vec())))).await;
    }
    for link in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Fifo, tar::EntryType::Char] {
        let all = pack(&entries, |path| if path.contains("a.txt") { link } else { kind(path) });
        refused("a link or device", all).await;
    }
    // A small file that unpacks to far more than is taken.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let mut header = tar::Header::new_gnu();
    header.set_size(1 << 40);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_path("cloister.json").unwrap();
    header.set_cksum();
    bomb.write_all(header.as_bytes()).unwrap();
    for _ in 0..80 {
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
    }
    refused("a bomb", bomb.finish().unwrap()).await;
    // The same entries, packed anew, are as good as the original: the refusals were not about the packing.
    import(&host, &operator, &pack(&entries, kind)).await.data();
    let tenants = host.get("/v1/operator/tenants", &operator).await.data();
    assert_eq!(tenants.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_valid_archive_with_content_that_this_host_refuses_is_taken_back() {
    use sha2::{Digest, Sha256};
    let host = Host::start().await;
    let (operator, owner) = (host.operator().await, furnished(&host).await);
    let mut entries = unpack(&host.get("/v1/acme/export", &owner).await.body);
    let at = entries.iter().position(|(path, _)| path.ends_with(".wasm")).unwrap();
    entries[at].1 = b"not a module".to_vec();
    let last = entries.len() - 1;
    let mut manifest: Value = serde_json::from_slice(&entries[last].1).unwrap();
    manifest["entries"][at]["size_bytes"] = json!(12);
    manifest["entries"][at]["sha256"] = json!(hex::encode(Sha256::digest(b"not a module")));
    entries[last].1 = manifest.to_string().into_bytes();
    let refused = import(&host, &operator, &pack(&entries, kind)).await;
    assert_eq!(refused.problem(), "422 module_not_wasm");
    assert_eq!(host.get("/v1/operator/tenants/copy", &operator).await.problem(), "404 tenant_not_found");
    assert_eq!(host.get("/v1/operator/receipts", &operator).await.data()[0]["reason"], "its import failed");
}
