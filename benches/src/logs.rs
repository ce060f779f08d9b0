//! The log: how fast lines are taken, found and shown, over HTTP against the real server.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::Settings;
use crate::report::{Goal, Section};
use crate::server::{Member, Server};
use crate::stats::{Spread, quantile};

/// Runs that write at the same time.
const WRITERS: usize = 8;
/// Lines that a follower waits for one by one.
const PROBES: (usize, usize) = (10, 500);
/// How long a line may take before the measurement fails.
const SHOWN_LIMIT: Duration = Duration::from_secs(10);

/// Measures all of it.
pub(crate) fn sections(settings: &Settings) -> Result<Vec<Section>> {
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    io.block_on(async {
        let server = Server::start(settings).await?;
        let member = server.tenant("logs").await?;
        for (name, file) in [("access-log", "access_log"), ("echo", "echo_lines"), ("flood", "flood")] {
            let file = settings.guest(&format!("fixtures/{file}.wasm"));
            server.deploy(&member, name, &file, json!({})).await.context(name)?;
        }
        let (taken_and_found, runs) = taken_and_found(settings, &server, &member).await?;
        let given_back = given_back(settings, &server, &member, &runs).await?;
        Ok(vec![taken_and_found, given_back, shown(settings, &server, &member).await?])
    })
}

/// The section, and the runs whose lines are there then.
async fn taken_and_found(
    settings: &Settings,
    server: &Server,
    member: &Member,
) -> Result<(Section, Vec<Value>)> {
    let lines = settings.pick(8_000, 1_000_000);
    let mut section = Section::new(
        "Logs: taken and found",
        "Eight runs of one tenant write a million JSON lines of about 200 bytes; the time ends when all are flushed. Guests make the lines \
         on the same cores. Then each filter is asked for its newest lines over all of them, and for its count.",
    );
    let before = written(server).await?;
    let began = Instant::now();
    let each = (lines / WRITERS).to_string();
    let runs = (0..WRITERS).map(|writer| {
        let first = (writer * lines / WRITERS).to_string();
        let each = each.clone();
        async move { server.run(member, "access-log", &[&each, &first]).await }
    });
    let mut ids = Vec::new();
    for run in futures_util::future::join_all(runs).await {
        let mut run = run?;
        ensure!(run["data"]["outcome"]["exit_code"] == 0, "a writer failed");
        ids.push(run["data"]["id"].take());
    }
    // A page waits until what was written before is durable.
    server.get(member, "logs?limit=1").await?;
    let rate = lines as f64 / began.elapsed().as_secs_f64();
    section.goal(
        "lines written by guests, committed and flushed",
        "lines/s",
        Spread::one(rate),
        Goal::AtLeast(300_000.0),
        "guests make the lines on the same cores",
    );
    let (committed, busy_s, commits) = written(server).await?;
    let committed = committed - before.0;
    ensure!(committed >= lines as f64, "the writer says it committed {committed} lines");
    section.goal(
        "the same by the writer's own time: packing, committing, flushing",
        "lines/s",
        Spread::one(committed / (busy_s - before.1)),
        Goal::AtLeast(300_000.0),
        &format!(
            "{} commits; what one host can write when guests are not what it waits for",
            commits - before.2
        ),
    );
    let run = "run_00000000000000000000000000";
    for (name, query) in [
        ("run, no such", format!("run={run}")),
        ("level, none has it", "level=error".to_owned()),
        ("text, no line has it", "text=status%22%3A500".to_owned()),
        ("text, few have it", "text=items%2F4242%22".to_owned()),
        ("regex, no line matches", "regex=status.%3A5%5B0-9%5D%2B%2C".to_owned()),
        ("field, no line has it", "field=status%3D500".to_owned()),
        ("nested field, few have it", "field=request.peer%3D10.0.250.12".to_owned()),
        ("time, an hour from now", "from=2100-01-01T00%3A00%3A00Z".to_owned()),
    ] {
        let took = time(settings, server, member, &format!("logs?limit=200&{query}")).await?;
        section.goal(
            format!("{lines} lines filtered by {name}"),
            "ms",
            Spread::of(took),
            Goal::AtMost(200.0),
            "",
        );
    }
    for (name, query) in [
        ("all lines, by level", ""),
        ("lines of one level", "&level=warn"),
        ("lines with a text", "&text=handled"),
        ("lines with a field", "&field=status%3D404"),
    ] {
        let path = format!("logs/histogram?buckets=60{query}");
        let counted = server.get(member, &path).await?["data"]["count"].clone();
        let took = time(settings, server, member, &path).await?;
        let note = format!("counted {} of {lines}, exact: {}", counted["lines"], counted["exact"]);
        section.noted(format!("histogram of {name}"), "ms", Spread::of(took), &note);
    }
    Ok((section, ids))
}

/// How long the disk may take to be given back.
const GIVEN_BACK_LIMIT: Duration = Duration::from_secs(60);

/// Deletes the lines of all runs, and waits for their disk space.
async fn given_back(
    settings: &Settings,
    server: &Server,
    member: &Member,
    runs: &[Value],
) -> Result<Section> {
    let mut section = Section::new(
        "Logs: deleted",
        "The lines of all eight runs are deleted, one run after the other. The database gives disk space back while the server runs, when \
         more than half of it is not alive and it is worth it.",
    );
    let before_mb = server.store_mb()?;
    let began = Instant::now();
    for run in runs {
        let run = run.as_str().context("a run has an id")?;
        server.delete(member, &format!("runs/{run}/logs")).await?;
    }
    section.figure(
        "deleting the lines of eight runs",
        "ms",
        Spread::one(began.elapsed().as_secs_f64() * 1e3),
    );
    section.figure("disk with the lines", "MB", Spread::one(before_mb));
    // Of the few lines of a proof that the harness works, nothing is given back.
    let mut least_mb = server.store_mb()?;
    let began = Instant::now();
    while !settings.quick && began.elapsed() < GIVEN_BACK_LIMIT && least_mb > before_mb / 2.0 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        least_mb = server.store_mb()?;
    }
    section.goal(
        "disk without them",
        "MB",
        Spread::one(least_mb),
        Goal::AtMost(before_mb / 2.0),
        &format!("{:.1} s after the last was deleted", began.elapsed().as_secs_f64()),
    );
    Ok(section)
}

/// Lines that the writer has committed, the seconds that took, and in how many commits.
async fn written(server: &Server) -> Result<(f64, f64, f64)> {
    Ok((
        server.counter("cloister_log_lines_total").await?,
        server.counter("cloister_log_commit_seconds_total").await?,
        server.counter("cloister_log_commits_total").await?,
    ))
}

async fn time(settings: &Settings, server: &Server, member: &Member, path: &str) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for _ in 0..settings.pick(1, 7) {
        let mut path = path.to_owned();
        let began = Instant::now();
        // Pages that end early count with those that follow.
        loop {
            let page = server.get(member, &path).await?;
            let Some(cursor) = page["pagination"]["cursor"].as_str() else { break };
            if page["data"].as_array().is_some_and(|lines| !lines.is_empty()) {
                break;
            }
            let base = path.split("&cursor=").next().unwrap_or_default().to_owned();
            path = format!("{base}&cursor={cursor}");
        }
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took)
}

async fn shown(settings: &Settings, server: &Server, member: &Member) -> Result<Section> {
    let mut section = Section::new(
        "Logs: from a guest to a follower",
        "A guest answers each line of its input; the time runs from sending the input to the line's event in a follower of the run's log, \
         so the request and the guest are in it.",
    );
    let rounds = settings.pick(PROBES.0, PROBES.1);
    let mut quiet = follow(server, member, rounds).await?;
    let p50 = quantile(&mut quiet, 0.5);
    section.figure("shown in a follower, p50", "ms", Spread::one(p50));
    let p99 = quantile(&mut quiet, 0.99);
    section.goal("shown in a follower, p99", "ms", Spread::one(p99), Goal::AtMost(50.0), "");
    let noisy = server.tenant("noisy").await?;
    server.deploy(&noisy, "flood", &settings.guest("fixtures/flood.wasm"), json!({})).await?;
    let body = json!({"command": "flood", "args": ["stdout", (256_u64 << 20).to_string()]});
    let flood = server.post(&format!("/v1/{}/runs", noisy.tenant), &noisy.token, &body).await?;
    let mut beside = follow(server, member, rounds).await?;
    let p99 = quantile(&mut beside, 0.99);
    section.goal(
        "the same beside another tenant's flood, p99",
        "ms",
        Spread::one(p99),
        Goal::AtMost(50.0),
        "",
    );
    let id = flood["data"]["id"].as_str().context("a run has an id")?;
    // It may have ended by itself.
    let _ = server.post(&format!("/v1/{}/runs/{id}/kill", noisy.tenant), &noisy.token, &json!({})).await;
    Ok(section)
}

/// Milliseconds until each line was shown.
async fn follow(server: &Server, member: &Member, rounds: usize) -> Result<Vec<f64>> {
    let body = json!({"command": "echo", "stdin": "stream"});
    let run: Value = server.post(&format!("/v1/{}/runs", member.tenant), &member.token, &body).await?;
    let id = run["data"]["id"].as_str().context("a run has an id")?.to_owned();
    let answer = server.events(member, &format!("logs?order=asc&run={id}")).await?;
    let mut events = answer.bytes_stream();
    let mut seen = String::new();
    let mut took = Vec::new();
    let mut offset = 0;
    for round in 0..rounds {
        let line = format!("probe {round:06}\n");
        let began = Instant::now();
        let wanted = format!("probe {round:06}\"");
        let fed = server.feed(member, &id, offset, line.clone().into_bytes());
        let found = async {
            while !seen.contains(&wanted) {
                let bytes = events.next().await.context("the follower's stream ended")??;
                seen.push_str(&String::from_utf8_lossy(&bytes));
            }
            anyhow::Ok(began.elapsed())
        };
        let (fed, found) = tokio::join!(fed, tokio::time::timeout(SHOWN_LIMIT, found));
        fed?;
        took.push(found.context("a line was not shown")??.as_secs_f64() * 1e3);
        offset += line.len();
        seen.clear();
    }
    server.post(&format!("/v1/{}/runs/{id}/kill", member.tenant), &member.token, &json!({})).await?;
    Ok(took)
}
