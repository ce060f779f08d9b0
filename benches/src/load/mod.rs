//! Load over HTTP against the real server, with its peers in the same run when they are there.

mod matrix;
mod peers;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hyper::body::Bytes;
use serde_json::json;

use self::peers::{Peer, spawn_rate};
use crate::Settings;
use crate::generator::{Answered, Asked, Load, run};
use crate::report::{Goal, Plot, Section};
use crate::server::{Member, Server};
use crate::stats::Spread;

/// Measures all of it.
pub(crate) fn sections(settings: &Settings) -> Result<Vec<Section>> {
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let server = io.block_on(Server::start(settings))?;
    let member = io.block_on(prepare(&server, settings, "bench"))?;
    let address = address(&server)?;
    let load = Bench { settings, io: &io, server: &server, member: &member, address };
    let mut sections = vec![load.runs()?];
    sections.extend(load.matrix()?);
    sections.push(load.neighbour()?);
    Ok(sections)
}

/// The commands that every tenant has: their names, files, and whether they see the tenant's directory.
const COMMANDS: [(&str, &str, bool); 5] = [
    ("hello", "commands/hello.wasm", false),
    ("busy", "fixtures/busy.wasm", false),
    ("spin", "fixtures/spin.wasm", false),
    ("flood", "fixtures/flood.wasm", false),
    ("ls", "commands/ls.wasm", true),
];

/// A new tenant with its commands.
async fn prepare(server: &Server, settings: &Settings, slug: &str) -> Result<Member> {
    let member = server.tenant(slug).await?;
    let folder = json!({"directories": [{"path": "/", "guest": "/", "access": "read_write"}]});
    for (name, file, sees_files) in COMMANDS {
        let grants = if sees_files { folder.clone() } else { json!({}) };
        server.deploy(&member, name, &settings.guest(file), grants).await.context(name)?;
    }
    Ok(member)
}

fn address(server: &Server) -> Result<SocketAddr> {
    let text = server.url.trim_start_matches("http://").trim_end_matches('/');
    text.parse().with_context(|| format!("read the address {text}"))
}

/// A request that runs a command to its end.
fn command(member: &Member, name: &str, args: &[&str]) -> Asked {
    let body = json!({"command": name, "args": args, "wait": true});
    Asked {
        method: "POST",
        path: format!("/v1/{}/runs", member.tenant),
        token: Some(member.token.clone()),
        body: Bytes::from(body.to_string()),
    }
}

/// A request without a token or a body.
fn get(path: &str) -> Asked {
    Asked { method: "GET", path: path.to_owned(), token: None, body: Bytes::new() }
}

struct Bench<'a> {
    settings: &'a Settings,
    io: &'a tokio::runtime::Runtime,
    server: &'a Server,
    member: &'a Member,
    address: SocketAddr,
}

impl Bench<'_> {
    fn span(&self) -> Duration {
        Duration::from_millis(self.settings.pick(300, 5_000))
    }

    fn load(&self, requests: Vec<Asked>, connections: usize, rate: Option<f64>) -> Result<Answered> {
        run(Load { address: self.address, requests, connections, span: self.span(), rate })
    }

    /// Short commands, beside `wasmtime serve` and a process per command.
    fn runs(&self) -> Result<Section> {
        let mut section = Section::new(
            "Runs over HTTP, with authentication, quota, log and record",
            "`POST /v1/{tenant}/runs` that waits for hello's output. Throughput: each connection asks again when it was answered. \
             Latency: at a fixed rate (half the throughput, at most 500 a second on one connection), counted from the moment at which \
             each request was due. Generator and server share the machine; the peers are loaded by the same generator, in turn with us.",
        );
        let hello = || vec![command(self.member, "hello", &[])];
        self.load(hello(), 16, None)?;
        let mut peers = Vec::new();
        for peer in [Peer::wasmtime(self.settings), Peer::workerd()] {
            match peer {
                Ok(peer) => peers.push(peer),
                Err(error) => section.left_out(format!("{error:#}")),
            }
        }
        let (mut throughput, mut tail, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut at_16 = 0.0;
        for connections in [1, 16, 64] {
            let (mut rates, mut of_peers) = (Vec::new(), vec![Vec::new(); peers.len()]);
            for _ in 0..self.settings.pick(1, 3) {
                let full = self.load(hello(), connections, None)?;
                if full.refused > 0 {
                    bail!("{} of {} runs were refused", full.refused, full.latencies_ns.len());
                }
                rates.push(full.rate());
                for (peer, rates) in peers.iter().zip(&mut of_peers) {
                    rates.push(run(peer.load(connections, self.span()))?.rate());
                }
            }
            let rate = Spread::of(rates.clone());
            throughput.push((connections as f64, rate.median));
            section.figure(format!("{connections} connections: throughput"), "/s", rate);
            for (peer, of_peer) in peers.iter().zip(of_peers) {
                ratios.push((connections, peer, Spread::ratios(&rates, &of_peer)));
                section.figure(
                    format!("{connections} connections: {}", peer.name),
                    "/s",
                    Spread::of(of_peer),
                );
            }
            if connections == 16 {
                at_16 = rate.median;
            }
            let most = if connections == 1 { 500.0 } else { f64::MAX };
            let paced = self.load(hello(), connections, Some((rate.median / 2.0).min(most)))?;
            section.figure(format!("{connections} connections: p50"), "µs", Spread::one(paced.us(0.5)));
            let p99 = Spread::one(paced.us(0.99));
            tail.push((connections as f64, p99.median));
            let what = format!("{connections} connections: p99");
            if connections == 1 {
                section.goal(what, "µs", p99, Goal::AtMost(500.0), "");
            } else {
                section.figure(what, "µs", p99);
            }
        }
        for (connections, peer, ratio) in ratios {
            let what = format!("{connections} connections: throughput / {}", peer.name);
            section.goal(what, "×", ratio, Goal::AtLeast(peer.goal), peer.note);
        }
        self.processes(&mut section, at_16)?;
        section.plots.push(Plot::of_two(
            "Throughput and tail latency by connections",
            ("connections", "runs a second; µs"),
            [("throughput, /s", throughput), ("p99 at half the throughput, µs", tail)],
        ));
        Ok(section)
    }

    /// The same command as a process each, as many at once as there are cores.
    fn processes(&self, section: &mut Section, rate: f64) -> Result<()> {
        let hello = self.settings.guest("commands/hello.wasm");
        let hello = hello.to_string_lossy();
        let cloister = self.settings.cloister.to_string_lossy();
        let bubble =
            ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "/bin/echo", "hello"];
        let span = Duration::from_millis(self.settings.pick(300, 3_000));
        for (name, words) in [
            ("`wasmtime run` per command", &["wasmtime", "run", &*hello][..]),
            ("`cloister run` per command", &[&*cloister, "run", &*hello]),
            ("`bwrap` and a native process per command", &bubble),
        ] {
            match spawn_rate(words, span) {
                Ok(process) => {
                    section.figure(format!("{name}: throughput"), "/s", Spread::one(process));
                    let ratio = Spread::one(rate / process);
                    section.goal(format!("16 connections / {name}"), "×", ratio, Goal::AtLeast(25.0), "");
                }
                Err(error) => section.left_out(format!("{name}: {error:#}")),
            }
        }
        Ok(())
    }

    /// A light tenant, and the server itself, beside a tenant with 64 endless loops.
    fn neighbour(&self) -> Result<Section> {
        let mut section = Section::new(
            "A noisy neighbour, over HTTP",
            "A light tenant asks for a 1 ms command 50 times a second on one connection, and somebody for `/healthz` 200 times a second: \
             alone, then beside another tenant's 64 endless loops.",
        );
        let light = self.io.block_on(async {
            let light = self.server.tenant("light").await?;
            self.server.deploy(&light, "busy", &self.settings.guest("fixtures/busy.wasm"), json!({})).await?;
            self.server.run(&light, "busy", &["1"]).await?;
            anyhow::Ok(light)
        })?;
        let busy = || vec![command(&light, "busy", &["1"])];
        let alone = self.load(busy(), 1, Some(50.0))?;
        let health_alone = self.load(vec![get("/healthz")], 1, Some(200.0))?;
        let loops = (0..64).map(|_| self.io.block_on(self.start_loop())).collect::<Result<Vec<_>>>()?;
        let beside = self.load(busy(), 1, Some(50.0))?;
        let health = self.load(vec![get("/healthz")], 1, Some(200.0))?;
        for run in loops {
            let path = format!("/v1/{}/runs/{run}/kill", self.member.tenant);
            self.io.block_on(self.server.post(&path, &self.member.token, &json!({})))?;
        }
        section.figure("1 ms command alone: p50", "µs", Spread::one(alone.us(0.5)));
        section.figure("1 ms command alone: p99", "µs", Spread::one(alone.us(0.99)));
        section.figure("1 ms command beside 64 loops: p50", "µs", Spread::one(beside.us(0.5)));
        section.figure("1 ms command beside 64 loops: p99", "µs", Spread::one(beside.us(0.99)));
        let ratio = Spread::one(beside.us(0.99) / alone.us(0.99));
        section.goal("p99 beside 64 loops / alone", "×", ratio, Goal::AtMost(2.0), "");
        section.figure("/healthz alone: p99", "µs", Spread::one(health_alone.us(0.99)));
        section.goal(
            "/healthz beside 64 loops: p99",
            "µs",
            Spread::one(health.us(0.99)),
            Goal::AtMost(5_000.0),
            "",
        );
        Ok(section)
    }

    async fn start_loop(&self) -> Result<String> {
        let path = format!("/v1/{}/runs", self.member.tenant);
        let started = self.server.post(&path, &self.member.token, &json!({"command": "spin"})).await?;
        Ok(started["data"]["id"].as_str().context("a run has an id")?.to_owned())
    }
}
