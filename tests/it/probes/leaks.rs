//! After any attack, and after any number of them, the host holds what it held before.

use serde_json::{Value, json};

use super::process::Held;
use super::{End, Probe, Report, Stage, cpu, fs, io, mem, modules};
use crate::harness::{Client, Shape, eventually, probe};

const DROPPED: &str = "slot, memory and descriptors belong to the store, which is dropped at every end";

/// Every attack that needs nothing prepared.
const FAMILIES: &[&[Probe]] =
    &[cpu::PROBES, mem::PROBES, io::PROBES, fs::ESCAPES, fs::STORMS, NETWORK, modules::PROBES];
const NETWORK: &[Probe] = &[
    Probe::new("net_connect", DROPPED, &[End::Held]).args(&["127.0.0.1:9"]).only(Shape::Component),
    Probe::new("net_listen", DROPPED, &[End::Held]).only(Shape::Component),
    Probe::new("net_lookup", DROPPED, &[End::Held]).only(Shape::Component),
    Probe::new("net_lookup_flood", DROPPED, &[End::Wall, End::Cpu, End::Kill]).only(Shape::Component),
];

/// Room for a command of each probe, and a small cache: what grows is not the store's pages.
const CONFIG: &str = "[store]\ncache_bytes = 16777216\n[plans.professional]\ndeployments = 200\n";

/// Rounds after which caches are filled and memory should have settled: one in each shape.
const WARM_ROUNDS: usize = 2;
/// Descriptors that come and go with the connections of this test and the store's files.
const SPARE_DESCRIPTORS: usize = 24;
/// Threads that come and go in the pool for blocking calls.
const SPARE_THREADS: usize = 600;
/// What the process may grow by after that: the log's and the store's caches, and the allocator's fragments.
const GROWTH_BYTES: u64 = 192 << 20;
/// What a tenant is left with when nothing of it runs.
const HELD_BY_RUNS: [&str; 5] =
    ["concurrent_runs", "memory_bytes", "open_files", "output_bytes", "host_threads"];

#[tokio::test]
async fn every_probe_in_a_loop_leaves_nothing_behind() {
    rounds(WARM_ROUNDS + 1).await;
}

/// `CLOISTER_ROUNDS` says how often; a round takes some 35 s.
#[tokio::test]
#[ignore = "takes hours: a thousand rounds of every probe"]
async fn every_probe_a_thousand_times_leaves_nothing_behind() {
    rounds(crate::harness::rounds().unwrap_or(1_000)).await;
}

#[tokio::test]
async fn cancelled_runs_leave_nothing_behind() {
    cancelled(200).await;
}

#[tokio::test]
#[ignore = "takes minutes: ten thousand runs"]
async fn ten_thousand_cancelled_runs_leave_nothing_behind() {
    cancelled(10_000).await;
}

async fn rounds(count: usize) {
    let stage = Stage::set_with(CONFIG).await;
    let mut report = Report::new("leaks");
    let mut warm = None;
    for round in 0..count {
        for probe in FAMILIES.iter().copied().flatten() {
            let shapes: Vec<_> = probe.shapes().collect();
            let (shape, end) = (shapes[round % shapes.len()], probe.ends[round % probe.ends.len()]);
            once(&stage, probe, shape, end).await;
            assert_idle(&stage, probe).await;
        }
        clear(&stage.world.a).await;
        let state = settled(&stage, warm.as_ref()).await;
        if round + 1 == WARM_ROUNDS {
            warm = Some(state.clone());
        }
        report.note(json!({"round": round + 1, "state": state.shown()}));
    }
    report.finish();
}

/// One attack, which ends as it should.
async fn once(stage: &Stage, attack: &Probe, shape: Shape, end: End) {
    if let End::Refused(status, code) = end {
        stage.world.a.upload(probe(attack.name, shape)).await.problem(status, code);
        return;
    }
    stage.deploy(&stage.world.a, attack, shape).await;
    let (run, _) = stage.run(attack, end).await;
    assert_eq!(run["outcome"]["kind"].as_str(), end.outcome(), "{} {shape:?} {end:?}: {run}", attack.name);
}

/// Budget and permits are back as soon as the end of the run was told, or a moment later: large guests give their memory back
/// after their end.
async fn assert_idle(stage: &Stage, probe: &Probe) {
    eventually(&format!("the budget after {}", probe.name), async || {
        let usage = stage.world.a.get("usage").await.expect(200).data();
        let items = usage["items"].as_array().unwrap();
        let held = |name: &str| {
            let item = items.iter().find(|item| item["name"] == name);
            item.unwrap_or_else(|| panic!("no {name} in {usage}"))["used"].as_u64().unwrap()
        };
        HELD_BY_RUNS.iter().all(|name| held(name) == 0).then_some(())
    })
    .await;
}

/// Removes what the probes left in the attacker's directory, by the way that counts it.
async fn clear(client: &Client) {
    for entry in client.all("files").await {
        let name: String =
            entry["name"].as_str().unwrap().bytes().map(|byte| format!("%{byte:02x}")).collect();
        let removed = client.delete(&format!("files/{name}")).await;
        assert_eq!(removed.status, 204, "{}", removed.text());
    }
}

async fn cancelled(count: usize) {
    const AT_ONCE: usize = 50;
    let stage = Stage::set().await;
    let client = &stage.world.a;
    let mut report = Report::new("cancelled");
    let probes = ["cpu_loop", "cpu_sleep", "cpu_poll_storm", "mem_grow_storm"]
        .map(|name| Probe::new(name, DROPPED, &[]));
    for probe in &probes {
        stage.deploy(client, probe, Shape::Core).await;
    }
    let mut warm = None;
    for round in 0..count / AT_ONCE {
        let mut runs = Vec::with_capacity(AT_ONCE);
        for number in 0..AT_ONCE {
            runs.push(client.start(probes[number % probes.len()].request(End::Kill)).await);
        }
        for id in runs {
            let run = stage.kill(&id).await;
            assert_eq!(run["outcome"]["kind"], "cancelled", "{run}");
        }
        let state = settled(&stage, warm.as_ref()).await;
        if round == 0 {
            warm = Some(state.clone());
        }
        report.note(json!({"cancelled": (round + 1) * AT_ONCE, "state": state.shown()}));
    }
    report.finish();
}

/// What may not grow.
#[derive(Debug, Clone)]
struct State {
    process: Held,
    active_runs: u64,
    queued: u64,
    /// Entries of the attacker's directory.
    files: usize,
}

impl State {
    async fn of(stage: &Stage) -> Self {
        Self {
            active_runs: stage.metric("cloister_runs_active").await,
            queued: stage.metric("cloister_scheduler_queued").await,
            files: stage.world.a.all("files").await.len(),
            process: Held::by(&stage.world.host),
        }
    }

    fn is_back_at(&self, warm: Option<&Self>) -> bool {
        let idle = self.active_runs == 0 && self.queued == 0;
        let Some(warm) = warm else { return idle };
        idle && self.files == warm.files
            && self.process.descriptors <= warm.process.descriptors + SPARE_DESCRIPTORS
            && self.process.threads <= warm.process.threads + SPARE_THREADS
            && self.process.resident_bytes <= warm.process.resident_bytes + GROWTH_BYTES
    }

    fn shown(&self) -> Value {
        json!({
            "descriptors": self.process.descriptors, "threads": self.process.threads,
            "resident_mib": self.process.resident_bytes >> 20, "active_runs": self.active_runs,
            "queued": self.queued, "files": self.files,
        })
    }
}

/// Waits until the host holds no more than it did when it was warm.
async fn settled(stage: &Stage, warm: Option<&State>) -> State {
    eventually("the host's being back where it was", async || {
        let state = State::of(stage).await;
        state.is_back_at(warm).then_some(state)
    })
    .await
}
