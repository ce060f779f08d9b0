//! What the N-th tenant, deployment and stored module costs: latency, memory, time to start.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;

use crate::Settings;
use crate::report::{Goal, Line, Plot, Section};
use crate::server::{Member, Server};
use crate::stats::{Spread, us};

/// The server's memory is looked at after so many tenants.
const STEPS: usize = 10;

/// Measures all of it.
pub(crate) fn sections(settings: &Settings) -> Result<Vec<Section>> {
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    Ok(vec![io.block_on(tenants(settings))?, io.block_on(stored(settings))?])
}

async fn tenants(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "Scale: tenants",
        "Tenants made one after the other, each with a deployment that has run once. Memory is what the process holds, so what the \
         store caches counts as the tenants'.",
    );
    let mut server = Server::start(settings).await?;
    let hello = settings.guest("commands/hello.wasm");
    let most = settings.pick(20, 2_000);
    let (mut latency, mut memory) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let began = Instant::now();
        for number in step * most / STEPS..(step + 1) * most / STEPS {
            let member = server.tenant(&format!("s{number:06}")).await?;
            server.deploy(&member, "hello", &hello, json!({})).await?;
            server.run(&member, "hello", &[]).await?;
        }
        let count = (step + 1) * most / STEPS;
        latency.push((count as f64, us(began.elapsed()) / (most / STEPS) as f64));
        memory.push((count as f64, server.resident_kib()?));
    }
    let (first, last) = (memory[STEPS / 2], memory[STEPS - 1]);
    let each_kib = (last.1 - first.1) / (last.0 - first.0);
    section.goal("memory of one more idle tenant", "KiB", Spread::one(each_kib), Goal::AtMost(64.0), "");
    section.figure(
        format!("making, deploying and running: one of the first {}", most / STEPS),
        "µs",
        Spread::one(latency[0].1),
    );
    section.figure("making, deploying and running: one of the last", "µs", Spread::one(latency[STEPS - 1].1));
    let empty = Server::start(settings).await?.start_took;
    let full = server.restart(settings).await?;
    section.figure("start with an empty data directory", "µs", Spread::one(us(empty)));
    section.figure(format!("start with {most} tenants"), "µs", Spread::one(us(full)));
    section.plots.push(Plot::of_two(
        "The N-th tenant",
        ("tenants", "µs; KiB"),
        [("making, deploying and running, µs", latency), ("memory of the process, KiB", memory)],
    ));
    Ok(section)
}

async fn stored(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "Scale: deployments and modules of one tenant",
        "One module under many names; the N-th is made and run once. Then the first run of a module that was stored before the server \
         started, and starting the command line's own runner beside wasmtime's.",
    );
    let mut server = Server::start(settings).await?;
    let member = server.tenant("many").await?;
    server.deploy(&member, "hello", &settings.guest("commands/hello.wasm"), json!({})).await?;
    let digest = server.run(&member, "hello", &[]).await?["data"]["module"].clone();
    let most = settings.pick(20, 10_000);
    let mut points = Vec::new();
    for step in 0..STEPS {
        let began = Instant::now();
        for number in step * most / STEPS..(step + 1) * most / STEPS {
            server.bind(&member, &format!("c{number}"), &digest, json!({})).await?;
        }
        points.push((((step + 1) * most / STEPS) as f64, us(began.elapsed()) / (most / STEPS) as f64));
    }
    section.figure("the first deployments: each", "µs", Spread::one(points[0].1));
    section.figure(format!("the last of {most} deployments: each"), "µs", Spread::one(points[STEPS - 1].1));
    let lines = vec![Line { name: "one deployment".to_owned(), points }];
    section.plots.push(Plot { title: "The N-th deployment".to_owned(), x: "deployments", y: "µs", lines });
    let mut cold = Vec::new();
    for _ in 0..settings.pick(1, 5) {
        server.restart(settings).await?;
        // The connection is made and the token verified by a look at something else.
        let _ = server.run(&member, "no-such-command", &[]).await;
        cold.push(first_run_us(&server, &member).await?);
    }
    section.goal(
        "first run of a stored module after a start, over HTTP",
        "µs",
        Spread::of(cold),
        Goal::AtMost(5_000.0),
        "",
    );
    command_line(settings, &mut section)?;
    Ok(section)
}

async fn first_run_us(server: &Server, member: &Member) -> Result<f64> {
    let began = Instant::now();
    server.run(member, "hello", &[]).await?;
    Ok(us(began.elapsed()))
}

/// A file run by its name: ours beside wasmtime's, both with their cache of compiled code.
fn command_line(settings: &Settings, section: &mut Section) -> Result<()> {
    let hello = settings.guest("commands/hello.wasm");
    let time = |program: &std::ffi::OsStr, args: &[&str]| -> Result<f64> {
        let began = Instant::now();
        let mut process = std::process::Command::new(program);
        let ended =
            process.args(args).arg(&hello).env_remove("RUST_BACKTRACE").output().context("start it")?;
        anyhow::ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        Ok(us(began.elapsed()))
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let has_peer = crate::machine::is_on_path("wasmtime");
    for round in 0..=settings.pick(2, 30) {
        let us = time(settings.cloister.as_os_str(), &["run"])?;
        let them = if has_peer { Some(time("wasmtime".as_ref(), &["run", "-C", "cache=y"])?) } else { None };
        // The first round fills both caches.
        if round > 0 {
            ours.push(us);
            theirs.extend(them);
        }
    }
    section.figure("`cloister run` of hello, from start to end", "µs", Spread::of(ours.clone()));
    if has_peer {
        section.figure("`wasmtime run` of hello, from start to end", "µs", Spread::of(theirs.clone()));
        section.figure("`cloister run` / `wasmtime run`", "×", Spread::ratios(&ours, &theirs));
    } else {
        section.left_out("wasmtime run: no `wasmtime` on PATH");
    }
    Ok(())
}
