//! Outgoing HTTPS: whose certificates are trusted, and what goes only over it.

use serde_json::{Value, json};

use crate::harness::{Authority, HostOptions, Manner, Server, Shape, World, fixture};

/// A host that trusts an authority of its own, and lets granted destinations be on this machine.
async fn world(authority: &Authority) -> (World, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("authorities.pem");
    std::fs::write(&path, authority.pem()).unwrap();
    let config =
        format!("[engine]\nprivate_ranges = [\"127.0.0.0/8\"]\nca_file = {:?}\n", path.to_str().unwrap());
    (World::start_with(HostOptions { config, ..HostOptions::default() }).await, dir)
}

/// Standard output of a request that was answered, or standard error of one that was not.
async fn get(world: &World, url: &str) -> Result<String, String> {
    let run = world.a.run("net", &["get", "GET", url]).await;
    let text = |stream: &str| run["output"][stream].as_str().unwrap().trim_end().to_owned();
    match run["outcome"]["exit_code"].as_i64() {
        Some(0) => Ok(text("stdout")),
        _ => Err(text("stderr")),
    }
}

async fn deploy(world: &World, servers: &[&Server], secrets: Value) {
    let network: Vec<Value> =
        servers.iter().map(|server| json!({"host": "127.0.0.1", "port": server.port})).collect();
    let guest = fixture("net", Shape::Component);
    world.a.deploy("net", guest, json!({"network": network, "secrets": secrets})).await;
}

#[tokio::test]
async fn a_server_certified_by_the_operators_authority_is_reached_with_the_secret() {
    let authority = Authority::new();
    let (world, _dir) = world(&authority).await;
    let server = Server::start_tls(Manner::HELLO, authority.certify("127.0.0.1")).await;
    world.a.put("secrets/key", json!({"value": "hush-hush"})).await.expect(201);
    let secret = json!([{"name": "key", "as": {"header": {
        "host": "127.0.0.1", "port": server.port, "name": "authorization", "prefix": "Bearer "
    }}}]);
    deploy(&world, &[&server], secret).await;
    let answer = get(&world, &server.url()).await.unwrap();
    assert!(answer.starts_with("200\n") && answer.ends_with("hello"), "{answer}");
    let request = server.requests().await.remove(0);
    assert!(request.contains("authorization: Bearer hush-hush\r\n"), "{request}");
}

#[tokio::test]
async fn a_server_that_is_not_who_it_should_be_gets_no_request() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (world, _dir) = world(&authority).await;
    let of_stranger = Server::start_tls(Manner::HELLO, stranger.certify("127.0.0.1")).await;
    let of_another_name = Server::start_tls(Manner::HELLO, authority.certify("other.example")).await;
    let of_the_past = Server::start_tls(Manner::HELLO, authority.certify_long_ago("127.0.0.1")).await;
    let servers = [&of_stranger, &of_another_name, &of_the_past];
    deploy(&world, &servers, json!([])).await;
    for server in servers {
        let error = get(&world, &server.url()).await.unwrap_err();
        assert!(error.contains("TlsCertificateError"), "{error}");
        assert_eq!(server.requests().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_told_apart() {
    let (world, _dir) = world(&Authority::new()).await;
    let plain = Server::start(Manner::Greets("HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    deploy(&world, &[&plain], json!([])).await;
    let error = get(&world, &plain.url().replace("http:", "https:")).await.unwrap_err();
    assert!(error.contains("TlsProtocolError"), "{error}");
}

#[tokio::test]
async fn without_the_file_no_authority_but_the_public_webs_is_trusted() {
    let authority = Authority::new();
    let config = "[engine]\nprivate_ranges = [\"127.0.0.0/8\"]\n".to_owned();
    let world = World::start_with(HostOptions { config, ..HostOptions::default() }).await;
    let server = Server::start_tls(Manner::HELLO, authority.certify("127.0.0.1")).await;
    deploy(&world, &[&server], json!([])).await;
    let error = get(&world, &server.url()).await.unwrap_err();
    assert!(error.contains("TlsCertificateError"), "{error}");
}
