//! What the N-th tenant, deployment and stored module costs: latency, memory, time to start.

use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};

use crate::Settings;
use crate::report::{Goal, Line, Plot, Section};
use crate::server::{Member, Server};
use crate::stats::{Spread, us};

/// How many there are when the server is looked at.
const FULL: [usize; 5] = [1, 10, 100, 1_000, 10_000];
const QUICK: [usize; 3] = [1, 2, 4];

/// Measures all of it.
pub(crate) fn sections(settings: &Settings) -> Result<Vec<Section>> {
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    io.block_on(async {
        Ok(vec![
            tenants(settings).await?,
            deployments(settings).await?,
            modules(settings).await?,
            command_line(settings)?,
        ])
    })
}

/// What is known when there were so many of something.
struct Step {
    count: usize,
    /// Making the last few of them, each.
    made_us: f64,
    own_kib: f64,
    start_us: f64,
}

/// Makes more and more of something, one after the other, and looks at the server at each step.
async fn grow(
    settings: &Settings,
    server: &mut Server,
    make: impl AsyncFn(&Server, usize) -> Result<()>,
) -> Result<Vec<Step>> {
    let (mut steps, mut made) = (Vec::new(), 0);
    for &count in settings.pick(&QUICK[..], &FULL) {
        let began = Instant::now();
        let before = made;
        while made < count {
            make(server, made).await?;
            made += 1;
        }
        let made_us = us(began.elapsed()) / (count - before) as f64;
        // Before the start: what the server holds of what it made.
        let own_kib = server.own_kib()?;
        let start_us = us(server.restart(settings).await?.start);
        steps.push(Step { count, made_us, own_kib, start_us });
    }
    Ok(steps)
}

/// Figures and a plot of the steps; what is made is named in the singular.
fn tell(section: &mut Section, what: &str, steps: &[Step]) {
    for step in steps {
        let count = step.count;
        section.figure(format!("{what} {count}: made and used once"), "µs", Spread::one(step.made_us));
        section.figure(format!("{what} {count}: memory of the process"), "KiB", Spread::one(step.own_kib));
        section.figure(format!("{what} {count}: start of the server"), "µs", Spread::one(step.start_us));
    }
    let line = |name: &str, value: fn(&Step) -> f64| Line {
        name: name.to_owned(),
        points: steps.iter().map(|step| (step.count as f64, value(step))).collect(),
    };
    let lines = vec![
        line("made and used once, µs", |step| step.made_us),
        line("memory of the process, KiB", |step| step.own_kib),
        line("start, µs", |step| step.start_us),
    ];
    section.plots.push(Plot { title: format!("The N-th {what}"), x: "so many", y: "µs; KiB", lines });
}

const ABOUT: &str = "Made one after the other, 1 to 10,000; each is run once. At each step the memory that is the process's own (without the pages of its program and of compiled code), then a start of the \
     server on what there is. Memory at a step is of a server that was started at the step before.";

async fn tenants(settings: &Settings) -> Result<Section> {
    let mut section = Section::new("Scale: tenants, each with a deployment", ABOUT);
    let mut server = Server::start(settings).await?;
    let hello = settings.guest("commands/hello.wasm");
    let steps = grow(settings, &mut server, async |server, number| {
        let member = server.tenant(&format!("s{number:06}")).await?;
        server.deploy(&member, "hello", &hello, json!({})).await?;
        server.run(&member, "hello", &[]).await.map(drop)
    })
    .await?;
    tell(&mut section, "tenant", &steps);
    // Both were looked at after making nine tenths of what there was then.
    if let [.., before, last] = &steps[..] {
        let each = (last.own_kib - before.own_kib) / (last.count - before.count) as f64;
        let note = "What the store caches counts as the tenants'.";
        section.goal("memory of one more idle tenant", "KiB", Spread::one(each), Goal::AtMost(64.0), note);
    }
    Ok(section)
}

async fn deployments(settings: &Settings) -> Result<Section> {
    let mut section = Section::new("Scale: deployments of one tenant, of one module", ABOUT);
    let mut server = Server::start(settings).await?;
    let member = server.tenant("many").await?;
    server.deploy(&member, "hello", &settings.guest("commands/hello.wasm"), json!({})).await?;
    let digest = server.run(&member, "hello", &[]).await?["data"]["module"].clone();
    let steps = grow(settings, &mut server, async |server, number| {
        let name = format!("c{number}");
        server.bind(&member, &name, &digest, json!({})).await?;
        server.run(&member, &name, &[]).await.map(drop)
    })
    .await?;
    tell(&mut section, "deployment", &steps);
    Ok(section)
}

async fn modules(settings: &Settings) -> Result<Section> {
    let mut section = Section::new("Scale: modules of one tenant, each with a deployment", ABOUT);
    let mut server = Server::start(settings).await?;
    let member = server.tenant("many").await?;
    let hello = std::fs::read(settings.guest("commands/hello.wasm"))?;
    let steps = grow(settings, &mut server, async |server, number| {
        let digest = server.upload(&member, another(&hello, number)).await?;
        let name = format!("c{number}");
        server.bind(&member, &name, &digest, json!({})).await?;
        server.run(&member, &name, &[]).await.map(drop)
    })
    .await?;
    tell(&mut section, "module", &steps);
    let mut cold = Vec::new();
    for number in 0..settings.pick(1, 5) {
        server.restart(settings).await?;
        // The connection is made and the token verified by a look at something else.
        let _ = server.run(&member, "no-such-command", &[]).await;
        cold.push(first_run_us(&server, &member, &format!("c{number}")).await?);
    }
    section.goal(
        "first run of one of them after a start, over HTTP",
        "µs",
        Spread::of(cold),
        Goal::AtMost(5_000.0),
        "",
    );
    Ok(section)
}

/// The same module with another digest: a custom section with a number.
fn another(wasm: &[u8], number: usize) -> Vec<u8> {
    let mut wasm = wasm.to_vec();
    // Section 0, its length, the length of its name, the name, the number.
    wasm.extend_from_slice(&[0, 10, 1, b'n']);
    wasm.extend_from_slice(&(number as u64).to_le_bytes());
    wasm
}

async fn first_run_us(server: &Server, member: &Member, command: &str) -> Result<f64> {
    let began = Instant::now();
    let answer: Value = server.run(member, command, &[]).await?;
    let took_us = us(began.elapsed());
    anyhow::ensure!(answer["data"]["outcome"]["exit_code"] == 0, "{command} failed: {answer}");
    Ok(took_us)
}

/// A file run by its name: ours beside wasmtime's, both with their cache of compiled code.
fn command_line(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "The command line's own runner",
        "Hello from the start of the process to its end, beside wasmtime's, both with their cache of compiled code; rounds alternate.",
    );
    let hello = settings.guest("commands/hello.wasm");
    let time = |program: &std::ffi::OsStr, args: &[&str]| -> Result<f64> {
        let began = Instant::now();
        let mut process = std::process::Command::new(program);
        let ended = process.args(args).arg(&hello).env_remove("RUST_BACKTRACE").output()?;
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
    Ok(section)
}
