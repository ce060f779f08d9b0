//! The network of a run: what is granted, secrets that the host fills in, and servers that mean no good.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{
    Client, HostOptions, Manner, Server, Shape, World, cloister, eventually, fixture, guests_dir, wat,
};

const OK: Manner = Manner::HELLO;

/// A host that lets granted destinations be on this machine.
async fn world() -> World {
    let config = "[engine]\nprivate_ranges = [\"127.0.0.0/8\"]\n".to_owned();
    World::start_with(HostOptions { config, ..HostOptions::default() }).await
}

fn guest() -> Vec<u8> {
    fixture("net", Shape::Component)
}

/// Exit code, standard output and standard error.
fn shown(run: &Value) -> (i64, String, String) {
    let text = |stream: &str| run["output"][stream].as_str().unwrap().trim_end().to_owned();
    (run["outcome"]["exit_code"].as_i64().unwrap(), text("stdout"), text("stderr"))
}

#[tokio::test]
async fn outgoing_http_reaches_what_is_granted_and_nothing_else() {
    let world = world().await;
    let (granted, other) = (Server::start(OK).await, Server::start(OK).await);
    world.a.deploy("net", guest(), json!({"network": granted.grant()})).await;
    let run = world.a.run("net", &["get", "GET", &granted.url(), "x-from=guest"]).await;
    let (code, stdout, stderr) = shown(&run);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.starts_with("200\n") && stdout.ends_with("hello"), "{stdout}");
    assert!(run["usage"]["http_sent_bytes"].as_u64().unwrap() > 0, "{run}");
    assert!(run["usage"]["http_received_bytes"].as_u64().unwrap() > 0, "{run}");
    let request = granted.requests().await.remove(0);
    assert!(request.contains(&format!("host: 127.0.0.1:{}\r\n", granted.port)), "{request}");
    assert!(request.contains("x-from: guest\r\n"), "{request}");
    for (url, error) in [
        (other.url(), "HttpRequestDenied"),
        (format!("http://localhost:{}/", granted.port), "HttpRequestDenied"),
        (format!("http://2130706433:{}/", granted.port), "HttpRequestUriInvalid"),
        (format!("http://{}:{}/", "0x7f.1", granted.port), "HttpRequestUriInvalid"),
        (format!("ftp://127.0.0.1:{}/", granted.port), "HttpProtocolError"),
    ] {
        let (code, _, stderr) = shown(&world.a.run("net", &["get", "GET", &url]).await);
        assert_eq!(code, 1, "{url}");
        assert!(stderr.contains(error), "{url}: {stderr}");
    }
    for header in
        ["host=other.example", "connection=close", "proxy-authorization=x", "transfer-encoding=chunked"]
    {
        let (code, _, stderr) = shown(&world.a.run("net", &["get", "GET", &granted.url(), header]).await);
        assert!(code == 1 && stderr.contains("Forbidden"), "{header}: {stderr}");
    }
    assert_eq!(granted.requests().await.len(), 1);
    assert_eq!(other.requests().await.len(), 0);
}

#[tokio::test]
async fn without_a_grant_or_the_operators_consent_nothing_is_reached() {
    let world = World::start().await;
    let server = Server::start(OK).await;
    world.a.deploy("closed", guest(), json!({})).await;
    world.a.deploy("granted", guest(), json!({"network": server.grant()})).await;
    let port = server.port.to_string();
    for (command, args, error) in [
        ("closed", &["get", "GET", &server.url()][..], "HttpRequestDenied"),
        ("closed", &["lookup", "localhost"], "access-denied"),
        ("closed", &["connect", "127.0.0.1", &port], "access-denied"),
        ("closed", &["listen"], "access-denied"),
        // The operator listed no range of this machine.
        ("granted", &["get", "GET", &server.url()], "DestinationIpProhibited"),
        ("granted", &["connect", "127.0.0.1", &port], "access-denied"),
    ] {
        let (code, _, stderr) = shown(&world.a.run(command, args).await);
        assert!(code == 1 && stderr.contains(error), "{command} {args:?}: {code} {stderr}");
    }
    assert_eq!(server.requests().await.len(), 0);
}

#[tokio::test]
async fn sockets_and_names_keep_to_the_grant() {
    let world = world().await;
    let (server, other) = (Server::start(Manner::Answers("welcome")).await, Server::start(OK).await);
    let grants = json!({"network": [{"host": "localhost", "port": server.port}]});
    world.a.deploy("net", guest(), grants).await;
    let (port, wrong) = (server.port.to_string(), other.port.to_string());
    let (code, stdout, stderr) = shown(&world.a.run("net", &["lookup", "LocalHost."]).await);
    assert!(
        code == 0 && stdout.lines().any(|line| line == "127.0.0.1" || line == "::1"),
        "{stdout} {stderr}"
    );
    for (args, error) in [
        (&["lookup", "example.com"][..], "access-denied"),
        (&["lookup", "127.1"], "invalid-argument"),
        (&["connect", "localhost", &wrong], "access-denied"),
        (&["send", "127.0.0.1", &wrong], "access-denied"),
        (&["send", "169.254.169.254", &port], "access-denied"),
        (&["listen"], "access-denied"),
    ] {
        let (code, stdout, stderr) = shown(&world.a.run("net", args).await);
        assert!(code == 1 && stderr.contains(error), "{args:?}: {stdout} {stderr}");
    }
    // By address, so that the test does not depend on what this machine's `localhost` is first.
    world.a.deploy("direct", guest(), json!({"network": server.grant()})).await;
    let (code, stdout, stderr) = shown(&world.a.run("direct", &["connect", "127.0.0.1", &port]).await);
    assert_eq!((code, stdout.as_str()), (0, "welcome"), "{stderr}");
    assert_eq!(shown(&world.a.run("direct", &["send", "127.0.0.1", &port]).await).1, "sent 1");
    assert_eq!(other.requests().await.len(), 0);
}

#[tokio::test]
async fn a_redirect_is_the_guests_to_follow_and_is_checked_again() {
    let world = world().await;
    let elsewhere = Server::start(OK).await;
    let location =
        format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let redirecting = Server::start(Manner::Answers(location.leak())).await;
    world.a.deploy("net", guest(), json!({"network": redirecting.grant()})).await;
    let (code, stdout, _) = shown(&world.a.run("net", &["get", "GET", &redirecting.url()]).await);
    assert!(code == 0 && stdout.starts_with("302\n") && stdout.contains(&elsewhere.url()), "{stdout}");
    let (code, _, stderr) = shown(&world.a.run("net", &["get", "GET", &elsewhere.url()]).await);
    assert!(code == 1 && stderr.contains("HttpRequestDenied"), "{stderr}");
    assert_eq!(elsewhere.requests().await.len(), 0);
}

#[tokio::test]
async fn a_secret_header_reaches_its_server_and_never_the_guest() {
    const SECRET: &str = "correct-horse-battery";
    let world = world().await;
    let echo = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-echo: Bearer correct-horse-battery\r\n\r\n";
    let (server, other) = (Server::start(Manner::Answers(echo)).await, Server::start(OK).await);
    let network = json!([
        {"host": "127.0.0.1", "port": server.port}, {"host": "127.0.0.1", "port": other.port}
    ]);
    let header = |plain: bool| {
        json!({"name": "API_KEY", "as": {"header": {
            "host": "127.0.0.1", "port": server.port, "name": "Authorization", "prefix": "Bearer ", "plain": plain
        }}})
    };
    let grants = |plain| json!({"network": network, "secrets": [header(plain)]});
    world.a.deploy("net", guest(), grants(true)).await;
    world.a.deploy("tls-only", guest(), grants(false)).await;
    let body = json!({"command": "net", "args": ["get", "GET", server.url()], "wait": true});
    let missing = world.a.post("runs", body).await.problem(409, "secret_missing");
    assert!(missing.contains("API_KEY"), "{missing}");
    world.a.put("secrets/API_KEY", json!({"value": SECRET})).await.expect(201);
    let run = world.a.run("net", &["get", "GET", &server.url(), "authorization=mine"]).await;
    assert_eq!(shown(&run).0, 0, "{run}");
    let request = server.requests().await.remove(0);
    assert!(request.contains("authorization: Bearer correct-horse-battery\r\n"), "{request}");
    assert!(!request.contains("mine"), "{request}");
    assert_eq!(shown(&world.a.run("net", &["get", "GET", &other.url()]).await).0, 0);
    let elsewhere = other.requests().await.remove(0);
    assert!(!elsewhere.contains("authorization"), "{elsewhere}");
    let (code, _, stderr) = shown(&world.a.run("tls-only", &["get", "GET", &server.url()]).await);
    assert!(code == 1 && stderr.contains("HttpRequestDenied"), "{stderr}");
    let id = run["id"].as_str().unwrap();
    let told = [
        run.to_string(),
        world.a.get(&format!("runs/{id}")).await.text(),
        world.a.get("deployments/net").await.text(),
        world.a.get("secrets").await.text(),
        world.a.get("logs").await.text(),
        world.host.log(),
    ];
    for text in told {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn a_secret_variable_is_the_tenants_own_and_cannot_be_replaced_by_who_runs_it() {
    let world = world().await;
    let grants = json!({"secrets": [{"name": "token", "as": {"env": "TOKEN"}}]});
    world.a.put("secrets/token", json!({"value": "of acme"})).await.expect(201);
    world.b.put("secrets/token", json!({"value": "of birch"})).await.expect(201);
    world.a.deploy("net", guest(), grants.clone()).await;
    world.b.deploy("net", guest(), grants).await;
    for (client, value) in [(&world.a, "of acme"), (&world.b, "of birch")] {
        let body = json!({"command": "net", "args": ["env", "TOKEN"], "env": {"TOKEN": "forged"}});
        assert_eq!(shown(&client.run_with(body).await).1, value);
    }
    world.a.delete("secrets/token").await.expect(204);
    let body = json!({"command": "net", "args": ["env", "TOKEN"], "wait": true});
    world.a.post("runs", body).await.problem(409, "secret_missing");
}

#[tokio::test]
async fn servers_that_stall_or_keep_silent_end_at_the_wall_limit() {
    let world = world().await;
    for manner in [Manner::Stalls, Manner::Silent] {
        let server = Server::start(manner).await;
        world.a.deploy("net", guest(), json!({"network": server.grant()})).await;
        let body = json!({"command": "net", "args": ["count", server.url()], "limits": {"wall_ms": 1000}});
        let run = world.a.run_with(body).await;
        assert_eq!(run["outcome"]["kind"], "timed_out", "{run}");
    }
}

#[tokio::test]
async fn a_flood_is_cut_and_the_guest_learns_nothing_of_the_host_by_it() {
    let world = world().await;
    let server = Server::start(Manner::Floods).await;
    world.a.deploy("net", guest(), json!({"network": server.grant()})).await;
    let run = world.a.run("net", &["count", &server.url()]).await;
    // The bound of one answer, or the wall limit where the machine is slow.
    let (code, _, stderr) = shown(&run);
    let cut = code == 1 && stderr == "HTTP response body size exceeds limit: 268435456 bytes";
    assert!(cut || run["outcome"]["kind"] == "timed_out", "{run}");
    let received = run["usage"]["http_received_bytes"].as_u64().unwrap();
    assert!((1 << 20..=300 << 20).contains(&received), "{run}");
    assert!(run["usage"]["peak_memory_bytes"].as_u64().unwrap() < 16 << 20, "{run}");
}

#[tokio::test]
async fn a_run_that_waits_for_a_server_is_killed_and_hangs_up() {
    let world = world().await;
    let server = Server::start(Manner::Silent).await;
    world.a.deploy("net", guest(), json!({"network": server.grant()})).await;
    let id = world.a.start(json!({"command": "net", "args": ["get", "GET", server.url()]})).await;
    eventually("the request", async || (!server.requests().await.is_empty()).then_some(())).await;
    world.a.post(&format!("runs/{id}/kill"), json!({})).await;
    assert_eq!(world.a.ended(&id).await["outcome"]["kind"], "cancelled");
}

fn run_here(options: &[&str], args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(cloister());
    command.arg("run").args(options).arg(guests_dir().join("fixtures/net.component.wasm")).args(args);
    let cache = tempfile::tempdir().unwrap();
    let ended = command.env("CLOISTER_CACHE_DIR", cache.path()).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_is_run_here_gets_the_network_it_is_given() {
    let (server, other) = (Server::start(OK).await, Server::start(OK).await);
    let destination = format!("127.0.0.1:{}", server.port);
    for options in [&["--network", &destination][..], &["--network", "any"]] {
        let (code, stdout, stderr) = run_here(options, &["get", "GET", &server.url()]);
        assert!(code == 0 && stdout.ends_with("hello"), "{options:?}: {stdout} {stderr}");
    }
    for options in [&[][..], &["--network", &destination]] {
        let (code, _, stderr) = run_here(options, &["get", "GET", &other.url()]);
        assert!(code == 1 && stderr.contains("HttpRequestDenied"), "{options:?}: {stderr}");
    }
    assert_eq!(run_here(&["--network", "any"], &["listen"]).1, "listening");
    let (code, _, stderr) = run_here(&["--network", "no-port"], &["listen"]);
    assert_eq!(code, 2, "{stderr}");
    // Asked to serve, it is no command.
    let (code, _, stderr) = run_here(&["--http", "127.0.0.1:0"], &[]);
    assert!(code == 1 && stderr.contains("module_no_entry_point"), "{stderr}");
}

#[tokio::test]
async fn the_command_line_sets_a_secret_from_its_input_and_never_shows_it() {
    let world = world().await;
    let cli = |args: &[&str], input: &str| {
        let mut command = Command::new(cloister());
        command.args(args).env("CLOISTER_HOST", world.host.url()).env("CLOISTER_TENANT", "acme");
        command.env("CLOISTER_TOKEN", world.a.token());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success(), "{args:?}: {text}");
        text
    };
    assert!(!cli(&["secret", "set", "key"], "hush-hush\n").contains("hush"));
    let listed = cli(&["secret", "list"], "");
    assert!(listed.contains("key") && !listed.contains("hush"), "{listed}");
    let module = guests_dir().join("fixtures/net.component.wasm");
    let deploy = ["deploy", "net", "--module", module.to_str().unwrap(), "--network", "api.example.com:443"];
    let secrets = ["--secret", "key=env:KEY", "--secret", "key=header:api.example.com:authorization:Bearer "];
    cli(&[&deploy[..], &secrets].concat(), "");
    assert_eq!(shown(&world.a.run("net", &["env", "KEY"]).await).1, "hush-hush");
    let deployed = world.a.get("deployments/net").await.data();
    assert_eq!(deployed["active"]["grants"]["secrets"][1]["as"]["header"]["prefix"], "Bearer ");
    cli(&["secret", "rm", "key"], "");
    assert!(!cli(&["secret", "list"], "").contains("key "));
}

#[tokio::test]
async fn a_component_that_serves_gets_each_request_in_a_run_of_its_own() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/it/http_handler.wat")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let component = directory.path().join("handler.wasm");
    std::fs::write(&component, wat(&text)).unwrap();
    let mut command = Command::new(cloister());
    command.args(["run", "--http", "127.0.0.1:0"]).arg(&component);
    command.env("CLOISTER_CACHE_DIR", directory.path()).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = tokio::task::spawn_blocking(move || lines.next().unwrap().unwrap()).await.unwrap();
    let url = first.strip_prefix("Serving HTTP on ").unwrap().trim_end_matches('/');
    let client = Client::anonymous(url);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.get("/").await.status);
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert_eq!((statuses, ended.code()), (vec![200; 3], Some(0)));
}
