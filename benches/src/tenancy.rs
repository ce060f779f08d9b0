//! Many tenants with many commands: how long it takes to make, open and list them.

use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::Settings;
use crate::report::{Goal, Section};
use crate::server::{Member, Server};
use crate::stats::{Spread, each_us, quantile, us};

/// Tenants, commands of each, and commands of the first few.
const FULL: (usize, usize, usize) = (1_000, 150, 1_500);
const QUICK: (usize, usize, usize) = (4, 5, 20);
/// Tenants with the larger number of commands.
const LARGE: usize = 10;
/// Requests that make commands at the same time.
const AT_ONCE: usize = 32;
/// 95 of 100 answers within so many milliseconds.
const P95_MS: f64 = 10.0;

/// What is asked, with the path below a tenant.
const QUESTIONS: [(&str, &str); 8] = [
    ("a page of 50 commands", "deployments"),
    ("a page of 200 commands", "deployments?limit=200"),
    ("one command", "deployments/report-0003"),
    ("a page of modules", "modules"),
    ("a page of runs", "runs"),
    ("a page of lines", "logs"),
    ("the settings", "settings"),
    ("the usage", "usage"),
];

/// Measures all of it.
pub(crate) fn sections(settings: &Settings) -> Result<Vec<Section>> {
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    io.block_on(async { Ok(vec![many(settings).await?]) })
}

async fn many(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "Tenancy: many tenants with many commands",
        "1,000 tenants with 150 commands each (or `--tenancy-commands`), the first ten with 1,500, made over HTTP by 32 connections. Then each \
         question is asked 1,000 times on one connection, each time of another tenant: once right after a start, once more when all of it was \
         read. At last, what is another tenant's is asked for by turns with what is nobody's.",
    );
    let (tenants, commands, many) = settings.pick(QUICK, FULL);
    let commands = settings.tenancy_commands.unwrap_or(commands);
    let mut server = Server::start(settings).await?;
    let hello = std::fs::read(settings.guest("commands/hello.wasm"))?;
    let (mut members, mut digests, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..tenants {
        let began = Instant::now();
        let member = server.tenant(&format!("t{number:05}")).await?;
        made.push(us(began.elapsed()) / 1e3);
        digests.push(server.upload(&member, hello.clone()).await?);
        members.push(member);
    }
    p95(&mut section, "a tenant made, its owner signed in", made, None);
    let of_tenant = |number: usize| if number < LARGE { many.max(commands) } else { commands };
    let all: Vec<_> = (0..tenants)
        .flat_map(|tenant| (0..of_tenant(tenant)).map(move |command| (tenant, command)))
        .collect();
    let (count, began) = (all.len(), Instant::now());
    stream::iter(all)
        .map(|(tenant, command)| {
            let (server, member, digest) = (&server, &members[tenant], &digests[tenant]);
            async move { server.bind(member, &format!("report-{command:04}"), digest, json!({})).await }
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(async |()| Ok(()))
        .await
        .context("make commands")?;
    let each = Spread::one(each_us(began.elapsed(), count));
    section.noted(format!("{count} commands made, durably, each"), "µs", each, "32 at a time");
    let restarted = server.restart(settings).await?;
    let stop = Spread::one(restarted.stop.as_secs_f64());
    section.noted("a stop", "s", stop, "reads all of it, as a start after a kill would");
    let start = Spread::one(restarted.start.as_secs_f64());
    section.goal("a start with all of it", "s", start, Goal::AtMost(5.0), "");
    let goal = Some(Goal::AtMost(P95_MS));
    for when in ["after a start", "warm"] {
        for (what, path) in QUESTIONS {
            let mut took = Vec::new();
            for round in 0..settings.pick(8, 1_000) {
                took.push(asked(&server, &members[round * 37 % tenants], path).await?);
            }
            p95(&mut section, &format!("{what}, {when}"), took, goal);
        }
    }
    let mut pages = Vec::new();
    for member in members.iter().take(LARGE.min(tenants)) {
        let mut cursor = String::new();
        loop {
            let began = Instant::now();
            let page = server.get(member, &format!("deployments?limit=50{cursor}")).await?;
            pages.push(us(began.elapsed()) / 1e3);
            let Some(next) = page["pagination"]["cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
    }
    p95(&mut section, &format!("each page of {many} commands"), pages, goal);
    let mut changed = Vec::new();
    for round in 0..settings.pick(4, 200) {
        let at = round * 37 % tenants;
        let began = Instant::now();
        server.bind(&members[at], "report-0003", &digests[at], json!({})).await?;
        changed.push(us(began.elapsed()) / 1e3);
    }
    p95(&mut section, "one more version of a command, durably", changed, goal);
    foreign(settings, &mut section, &server, &members).await?;
    Ok(section)
}

/// What is another tenant's and what is nobody's: nobody should tell one from the other by the time that the answer takes.
async fn foreign(
    settings: &Settings,
    section: &mut Section,
    server: &Server,
    members: &[Member],
) -> Result<()> {
    let (mine, other) = (&members[0], &members[1]);
    let run = server.run(other, "report-0003", &[]).await?["data"]["id"].take();
    let run = run.as_str().context("a run has an id")?;
    let slug = &other.tenant;
    for (what, theirs, nobodys) in [
        ("a run", format!("one/runs/{run}"), "one/runs/run_00000000000000000000000000".to_owned()),
        ("a tenant", format!("{slug}/runs"), format!("{}x/runs", &slug[..slug.len() - 1])),
        (
            "a tenant's command",
            format!("{slug}/deployments/report-0003"),
            format!("{slug}/deployments/report-9999"),
        ),
    ] {
        let (mut there, mut nowhere) = (Vec::new(), Vec::new());
        for _ in 0..settings.pick(4, 2_000) {
            for (path, took) in [(&theirs, &mut there), (&nobodys, &mut nowhere)] {
                let path = path.replacen("one/", &format!("{}/", mine.tenant), 1);
                took.push(server.refused(mine, &path).await? * 1e3);
            }
        }
        let ratio = quantile(&mut there, 0.5) / quantile(&mut nowhere, 0.5);
        let note = format!("p50 {:.0} and {:.0} µs", quantile(&mut there, 0.5), quantile(&mut nowhere, 0.5));
        section.noted(
            format!("{what} of another tenant / of nobody, time of the refusal"),
            "",
            Spread::one(ratio),
            &note,
        );
    }
    Ok(())
}

/// Milliseconds until the answer was read.
async fn asked(server: &Server, member: &Member, path: &str) -> Result<f64> {
    let began = Instant::now();
    server.get(member, path).await?;
    Ok(us(began.elapsed()) / 1e3)
}

fn p95(section: &mut Section, what: &str, mut took_ms: Vec<f64>, goal: Option<Goal>) {
    section.figure(format!("{what}: p50"), "ms", Spread::one(quantile(&mut took_ms, 0.5)));
    let value = Spread::one(quantile(&mut took_ms, 0.95));
    match goal {
        Some(goal) => section.goal(format!("{what}: p95"), "ms", value, goal, ""),
        None => section.figure(format!("{what}: p95"), "ms", value),
    }
}
