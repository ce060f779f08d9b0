//! The host starts, refuses to start, starts again and stops as promised.

use std::fs;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// `(module (func (export "_start")))`
const WASM: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x04\x01\x02\0\x0b";

fn config(dir: &Path) -> Config {
    let mut config = Config::default();
    config.store.data_dir = dir.join("data");
    config.store.low_disk_bytes = 0;
    config.auth.argon2_memory_kib = 8;
    config.auth.argon2_passes = 1;
    config.engine.threads = 1;
    config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config
}

async fn start(config: Config) -> App {
    let address = SocketAddr::from(([127, 0, 0, 1], 8080));
    build(config, Clock::system(), address, Compiling::Here).await.unwrap()
}

#[tokio::test]
async fn a_second_start_finds_everything_and_makes_a_fresh_link() {
    let dir = tempfile::tempdir().unwrap();
    let demo = dir.path().join("demo");
    fs::create_dir(&demo).unwrap();
    fs::write(demo.join("Hello.wasm"), WASM).unwrap();
    fs::write(demo.join("notes.txt"), b"not a command").unwrap();
    let config = Config { demo: Some(demo.clone()), ..config(dir.path()) };
    let mut links = Vec::new();
    for _ in 0..2 {
        let app = start(config.clone()).await;
        let welcome = bootstrap::run(&app).await.unwrap();
        assert!(welcome.operator_link.is_some());
        let demo = welcome.demo.unwrap();
        assert_eq!(demo.commands, ["hello"]);
        links.push(demo.owner_link);
        let tenants = app.store.reader_blocking().tenants(None, 10, |_| true).unwrap().items;
        assert_eq!(tenants.iter().map(|tenant| tenant.slug.as_str()).collect::<Vec<_>>(), ["demo"]);
        app.logs.close().await.unwrap();
    }
    assert_ne!(links[0], links[1]);
    // A changed file is a new version; an unchanged one is not.
    let help = b"usage: hello\n\nSays hello. And more.\n";
    let section = [&[13][..], b"cloister.help", help].concat();
    let changed = [WASM, &[0, u8::try_from(section.len()).unwrap()], &section].concat();
    fs::write(demo.join("Hello.wasm"), changed).unwrap();
    let app = start(config).await;
    bootstrap::run(&app).await.unwrap();
    let secret = links[1].split("/#/link/").nth(1).unwrap().to_owned();
    let tokens = app.auth.sign_in_by_link(secret, None, crate::auth::Origin::default()).await.unwrap().tokens;
    let caller = app.auth.authenticate(&tokens.access_token).await.unwrap();
    let member = app.auth.enter(&caller, "demo").await.unwrap();
    let permit = crate::auth::authorize(&member, crate::auth::act::DeploymentRead, "").unwrap();
    let (found, history) = app.registry.deployment(&permit, &"hello".parse().unwrap()).await.unwrap();
    assert_eq!((found.active.version, history.len()), (2, 2));
    // What the command says of itself, when it does.
    assert_eq!(found.active.description, "Says hello");
}

#[tokio::test]
async fn a_port_in_use_is_said_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut config = config(dir.path());
    config.server.listen = taken.local_addr().unwrap();
    let error = serve_until(config, |_| (), CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code(), "port_in_use");
    assert!(error.to_string().contains("--listen"));
    assert!(!dir.path().join("data").exists());
}

#[tokio::test]
async fn a_data_directory_in_use_stops_a_second_host() {
    let dir = tempfile::tempdir().unwrap();
    let _first = start(config(dir.path())).await;
    let error = serve_until(config(dir.path()), |_| (), CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code(), "data_dir_in_use");
}

/// A listening host, and the task that ends when it has drained.
async fn listening(config: Config) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let app = start(config).await;
    let listener = listen::bind(app.config.server.listen).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let served = tokio::spawn(async move {
        listen::serve(listener, http::router(app.clone()), &app, stopped).await;
    });
    (address, stop, served)
}

#[tokio::test]
async fn what_is_under_way_is_finished_when_the_host_stops() {
    let dir = tempfile::tempdir().unwrap();
    let (address, stop, served) = listening(config(dir.path())).await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/auth/sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 2\r\nexpect: 100-continue\r\n\r\n";
    busy.write_all(head.as_bytes()).await.unwrap();
    // The handler is waiting for the body once the host asks for it.
    let mut answer = [0; 1024];
    let length = busy.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 100"));
    stop.cancel();
    busy.write_all(b"{}").await.unwrap();
    let length = busy.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 400"));
    tokio::time::timeout(Duration::from_secs(10), served).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.server.drain_timeout_ms = 50;
    let (address, stop, served) = listening(config).await;
    let mut stuck = TcpStream::connect(address).await.unwrap();
    stuck.write_all(b"POST /v1/auth/sign-in HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(busy.read(&mut [0; 1024]).await.unwrap() > 0);
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_ends_its_connection() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.http.head_timeout_ms = 100;
    let (address, _stop, _served) = listening(config).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut rest)).await.unwrap().unwrap();
}
