//! After any attack, and after any number of them, the host holds what it held before.

use serde_json::{Value, json};

use super::process::Held;
use super::{End, Grants, Probe, Report, Stage};
use crate::harness::{Shape, eventually};

const DROPPED: &str = "slot, memory and descriptors belong to the store, which is dropped at every end";

/// One of each kind of end.
const PROBES: &[Probe] = &[
    Probe::new("cpu_loop", DROPPED, &[End::Cpu]),
    Probe::new("cpu_sleep", DROPPED, &[End::Kill]),
    Probe::new("cpu_recursion", DROPPED, &[End::Trap("")]),
    Probe::new("cpu_trap", DROPPED, &[End::Trap("")]),
    Probe::new("cpu_exceptions", DROPPED, &[End::Fuel]),
    Probe::new("mem_grow", DROPPED, &[End::Held]),
    Probe::new("mem_grow_touch", DROPPED, &[End::Held]),
    Probe::new("mem_table_grow", DROPPED, &[End::Held]),
    Probe::new("mem_objects", DROPPED, &[End::Memory]),
    Probe::new("mem_minimum_of_run", DROPPED, &[End::Memory]).memory_bytes(64 << 20),
    Probe::new("mem_outside", DROPPED, &[End::Trap("")]),
    Probe::new("io_flood_stdout", DROPPED, &[End::Output]),
    Probe::new("io_stdin", DROPPED, &[End::Kill]).silent_stdin(),
    Probe::new("io_descriptors", DROPPED, &[End::Held]),
    Probe::new("fs_descriptors", DROPPED, &[End::Held]).grants(Grants::Root),
    Probe::new("fs_open_close", DROPPED, &[End::Wall]).grants(Grants::Root),
    Probe::new("mod_start_trap", DROPPED, &[End::Trap("")]),
    Probe::new("mod_data_outside", DROPPED, &[End::Trap("")]),
];

/// Rounds after which caches are filled and memory should have settled.
const WARM_ROUNDS: usize = 2;
/// Descriptors that come and go with the connections of this test and the store's files.
const SPARE_DESCRIPTORS: usize = 24;
/// Threads that come and go in the pool for blocking calls.
const SPARE_THREADS: usize = 600;
/// What the process may grow by after that: the log's and the store's caches, and the allocator's fragments.
const GROWTH_BYTES: u64 = 192 << 20;

#[tokio::test]
async fn every_probe_in_a_loop_leaves_nothing_behind() {
    rounds(6).await;
}

#[tokio::test]
#[ignore = "takes hours: a thousand rounds of every probe"]
async fn every_probe_a_thousand_times_leaves_nothing_behind() {
    rounds(1_000).await;
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
    let stage = Stage::set().await;
    let mut report = Report::new("leaks");
    for probe in PROBES {
        stage.deploy(&stage.world.a, probe, Shape::Core).await;
    }
    let mut warm = None;
    for round in 1..=count {
        for probe in PROBES {
            let (run, _) = stage.run(probe, probe.ends[0]).await;
            assert_eq!(run["outcome"]["kind"].as_str(), probe.ends[0].outcome(), "{}: {run}", probe.name);
        }
        let state = settled(&stage, warm.as_ref()).await;
        if round == WARM_ROUNDS {
            warm = Some(state.clone());
        }
        if round % WARM_ROUNDS == 0 {
            report.note(json!({"round": round, "state": state.shown()}));
        }
    }
    report.finish();
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
