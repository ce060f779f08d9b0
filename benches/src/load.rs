//! Load over HTTP against the real server, with its peers in the same run when they are there.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hyper::body::Bytes;
use serde_json::json;

use crate::Settings;
use crate::generator::{Answered, Asked, Load, run};
use crate::machine::is_on_path;
use crate::report::{Goal, Line, Plot, Section};
use crate::server::{Member, Server};
use crate::stats::Spread;

/// Measures all of it.
pub(crate) fn sections(settings: &Settings) -> Result<Vec<Section>> {
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let server = io.block_on(Server::start(settings))?;
    let member = io.block_on(prepare(&server, settings))?;
    let address = address(&server)?;
    let load = Bench { settings, io: &io, server: &server, member: &member, address };
    Ok(vec![load.runs()?, load.kinds()?, load.tenants()?, load.neighbour()?])
}

async fn prepare(server: &Server, settings: &Settings) -> Result<Member> {
    let member = server.tenant("bench").await?;
    let folder = json!({"directories": [{"path": "/", "guest": "/", "access": "read_write"}]});
    for (name, file, grants) in [
        ("hello", "commands/hello.wasm", json!({})),
        ("busy", "fixtures/busy.wasm", json!({})),
        ("spin", "fixtures/spin.wasm", json!({})),
        ("flood", "fixtures/flood.wasm", json!({})),
        ("ls", "commands/ls.wasm", folder),
    ] {
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
             each request was due. Generator and server share the machine; `wasmtime serve` is loaded by the same generator.",
        );
        let hello = || vec![command(self.member, "hello", &[])];
        self.load(hello(), 16, None)?;
        let peer = Peer::start(self.settings)?;
        let (mut throughput, mut tail, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut at_16 = 0.0;
        for connections in [1, 16, 64] {
            let (mut rates, mut peers) = (Vec::new(), Vec::new());
            for _ in 0..self.settings.pick(1, 3) {
                let full = self.load(hello(), connections, None)?;
                if full.refused > 0 {
                    bail!("{} of {} runs were refused", full.refused, full.latencies_ns.len());
                }
                rates.push(full.rate());
                if let Some(peer) = &peer {
                    let span = self.span();
                    let load = Load {
                        address: peer.address,
                        requests: vec![get("/")],
                        connections,
                        span,
                        rate: None,
                    };
                    peers.push(run(load)?.rate());
                }
            }
            let rate = Spread::of(rates.clone());
            throughput.push((connections as f64, rate.median));
            section.figure(format!("{connections} connections: throughput"), "/s", rate);
            if !peers.is_empty() {
                section.figure(
                    format!("{connections} connections: wasmtime serve"),
                    "/s",
                    Spread::of(peers.clone()),
                );
                ratios.push((connections, Spread::ratios(&rates, &peers)));
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
        for (connections, ratio) in ratios {
            let what = format!("{connections} connections: throughput / wasmtime serve");
            section.goal(
                what,
                "×",
                ratio,
                Goal::AtLeast(1.5),
                "wasmtime serve has no authentication, quota, record or log.",
            );
        }
        if peer.is_none() {
            section.left_out("wasmtime serve: no `wasmtime` on PATH, or no component that answers HTTP");
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

    /// Other kinds of commands, and all of them mixed.
    fn kinds(&self) -> Result<Section> {
        let mut section = Section::new(
            "Kinds of commands over HTTP, 16 connections",
            "CPU-bound: about 5 ms of computing. File-bound: lists the tenant's directory. Flood: 256 KiB of output, all of it logged. \
             Mixed: hello, CPU-bound, file-bound and flood in turn.",
        );
        let kinds = [
            ("CPU-bound", vec![command(self.member, "busy", &["5"])]),
            ("file-bound", vec![command(self.member, "ls", &["/"])]),
            ("flood", vec![command(self.member, "flood", &["stdout", "262144"])]),
        ];
        let mixed =
            kinds.iter().flat_map(|(_, asked)| asked.clone()).chain([command(self.member, "hello", &[])]);
        let all = kinds.iter().cloned().chain([("mixed", mixed.collect())]);
        for (name, requests) in all {
            let full = self.load(requests.clone(), 16, None)?;
            section.figure(format!("{name}: throughput"), "/s", Spread::one(full.rate()));
            if full.refused > 0 {
                section.figure(format!("{name}: refused"), "requests", Spread::one(full.refused as f64));
            }
            let paced = self.load(requests, 16, Some(full.rate() / 2.0))?;
            for (part, title) in [(0.5, "p50"), (0.99, "p99")] {
                section.figure(format!("{name}: {title} at half of it"), "µs", Spread::one(paced.us(part)));
            }
        }
        Ok(section)
    }

    /// The same load from more and more tenants.
    fn tenants(&self) -> Result<Section> {
        let mut section = Section::new(
            "The same load from 1, 100 and 1,000 tenants",
            "hello over 16 connections, tenants in turn, each with its own token, deployment and log.",
        );
        let mut members = Vec::new();
        let (mut points, hello) = (Vec::new(), self.settings.guest("commands/hello.wasm"));
        for count in self.settings.pick(&[1, 3][..], &[1, 100, 1_000]) {
            while members.len() < *count {
                let member = self.io.block_on(async {
                    let member = self.server.tenant(&format!("t{:05}", members.len())).await?;
                    self.server.deploy(&member, "hello", &hello, json!({})).await?;
                    anyhow::Ok(member)
                })?;
                members.push(member);
            }
            let requests: Vec<_> = members.iter().map(|member| command(member, "hello", &[])).collect();
            // Once round, so that every tenant is known.
            self.load(requests.clone(), 16, None)?;
            let full = self.load(requests, 16, None)?;
            points.push((*count as f64, full.rate()));
            section.figure(format!("{count} tenants: throughput"), "/s", Spread::one(full.rate()));
        }
        let lines = vec![Line { name: "hello".to_owned(), points }];
        section.plots.push(Plot {
            title: "Throughput by tenants".to_owned(),
            x: "tenants",
            y: "runs a second",
            lines,
        });
        Ok(section)
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

/// `wasmtime serve` with a component that answers hello.
struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Peer {
    /// `None` when there is no `wasmtime`, or no component for it.
    fn start(settings: &Settings) -> Result<Option<Self>> {
        let component = settings.guest("peers/hello_http.component.wasm");
        if !is_on_path("wasmtime") || !component.is_file() {
            return Ok(None);
        }
        // Free a moment ago; somebody else may take it, and then the peer does not start, which is told.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new("wasmtime")
            .args(["serve", "--addr", &address.to_string()])
            .arg(component)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let peer = Self { child, address };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                bail!("wasmtime serve did not listen at {address}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(peer))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processes a second that start, say something and end: two at a time.
fn spawn_rate(words: &[&str], span: Duration) -> Result<f64> {
    let once = |words: &[String]| -> Result<()> {
        let mut process = Command::new(&words[0]);
        process.args(&words[1..]).env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        let ended = process.output().with_context(|| format!("start {}", words[0]))?;
        if !ended.status.success() {
            bail!("it failed: {}", String::from_utf8_lossy(&ended.stderr).lines().next().unwrap_or_default());
        }
        Ok(())
    };
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    once(&words)?;
    let (began, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (words, stop) = (words.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut count = 0_u32;
                while !stop.load(Ordering::Relaxed) && once(&words).is_ok() {
                    count += 1;
                }
                count
            })
        })
        .collect();
    std::thread::sleep(span);
    stop.store(true, Ordering::Relaxed);
    let count: u32 = threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum();
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}
