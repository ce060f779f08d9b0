//! Guests that want the network: nothing is granted, or something else than what they try.

use std::net::{TcpListener, UdpSocket};

use serde_json::json;

use super::{End, Probe, Report, Stage};
use crate::harness::{Shape, eventually, probe};

const DENIED: &str = "sockets are off without a grant; with one, every address is checked at connect";
const NAMES: &str = "names are looked up only where granted";
const COUNTED: &str = "sockets count among the open files of all of a tenant's runs, and of one run";

/// What is granted beside nothing: a place that nobody tries, and the place that is tried by its address in the host's own network.
fn grants(port: u16) -> [serde_json::Value; 3] {
    let to = |host: &str, port: u16| json!({"network": [{"host": host, "port": port}]});
    [json!({}), to("granted.example", 443), to("127.0.0.1", port)]
}

#[tokio::test]
async fn nothing_is_reached_that_was_not_granted() {
    let stage = Stage::set().await;
    let client = &stage.world.a;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.set_nonblocking(true).unwrap();
    let (tcp, udp) = (listener.local_addr().unwrap(), datagrams.local_addr().unwrap());
    let attacks = [
        ("net_connect", DENIED, tcp.to_string()),
        ("net_listen", DENIED, String::new()),
        ("net_datagram", DENIED, udp.to_string()),
        ("net_lookup", NAMES, String::new()),
        ("net_sockets", COUNTED, String::new()),
    ];
    let mut report = Report::new("net");
    for (name, mechanism, argument) in &attacks {
        for grants in grants(tcp.port()) {
            client.deploy(name, probe(name, Shape::Component), grants.clone()).await;
            let limits = json!({"wall_ms": 30_000});
            let body = json!({"command": name, "args": [argument], "limits": limits});
            let (run, neighbour) = tokio::join!(client.run_with(body), stage.neighbour());
            let outcome = &run["outcome"];
            // It takes the last resource, so that a component has none left to say so with.
            let message = outcome["message"].as_str().unwrap_or_default();
            let is_full = *name == "net_sockets" && message.contains("resource table has no free keys");
            assert!(is_full || outcome["exit_code"] == 0, "{name} with {grants}: {run}");
            report.note(json!({
                "probe": name, "mechanism": mechanism, "grants": grants, "said": run["output"]["stdout"],
                "neighbour_ms": neighbour.as_secs_f64() * 1e3,
            }));
        }
    }
    report.finish();
    assert!(listener.accept().is_err(), "somebody came");
    assert!(datagrams.recv(&mut [0; 64]).is_err(), "something came");
}

#[tokio::test]
async fn a_flood_of_names_is_stopped() {
    let stage = Stage::set().await;
    let ends: &[End] = &[End::Wall, End::Cpu, End::Kill];
    let flood = Probe::new("net_lookup_flood", NAMES, ends);
    let mut report = Report::new("net_flood");
    for end in ends {
        // It runs as a component only.
        report.add(&flood, Shape::Component, *end, stage.attack(&flood, Shape::Component, *end).await);
    }
    report.finish();
    let threads = super::process::Held::by(&stage.world.host).threads;
    eventually("the end of look-ups", async || {
        (super::process::Held::by(&stage.world.host).threads <= threads + 8).then_some(())
    })
    .await;
}
