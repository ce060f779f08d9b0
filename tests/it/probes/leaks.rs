//! After any attack, and after any number of them, the host holds what it held before.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::process::Held;
use super::stage::attack_by;
use super::{End, Probe, Report, Stage, cpu, fs, io, mem, modules};
use crate::harness::{Client, Shape, World, eventually, probe, tenant};

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

/// Room for a command of each probe in each shape, and a small cache: what grows is not the store's pages.
const CONFIG: &str = "[store]\ncache_bytes = 16777216\n[plans.professional]\ndeployments = 400\n";

/// Tenants that attack at the same time, each at another place of its round.
const ATTACKERS: usize = 3;

/// Rounds of each attacker after which caches are filled and memory should have settled: one in each shape.
const WARM_LAPS: usize = 2;
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
    rounds((WARM_LAPS + 1) * ATTACKERS).await;
}

/// `CLOISTER_ROUNDS` says how often.
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

/// Has all attackers go round, `count` rounds of all together at least.
async fn rounds(count: usize) {
    let stage = Stage::set_with(CONFIG).await;
    let mut attackers = Vec::new();
    for number in 0..ATTACKERS {
        attackers.push(Attacker::arrives(&stage.world, number).await);
    }
    let mut report = Report::new("leaks");
    let mut warm = None;
    for lap in 0..count.div_ceil(ATTACKERS) {
        join_all(attackers.iter_mut().map(|attacker| attacker.go_round(lap))).await;
        let state = settled(&stage, &attackers, warm.as_ref()).await;
        if lap + 1 == WARM_LAPS {
            warm = Some(state.clone());
        }
        report.note(json!({"rounds": (lap + 1) * ATTACKERS, "state": state.shown()}));
    }
    report.finish();
}

/// A tenant that attacks.
struct Attacker {
    /// With a key: a token would not last.
    client: Client,
    /// Where in a round it begins.
    first: usize,
    deployed: HashSet<String>,
}

impl Attacker {
    async fn arrives(world: &World, number: usize) -> Self {
        let owner = tenant(&world.operator, &world.anonymous, &format!("attacker-{number}")).await;
        let me = owner.get("/v1/auth/me").await.expect(200).data();
        let key = json!({"name": "attacks", "permissions": me["memberships"][0]["permissions"]});
        let key = owner.post("keys", key).await.expect(201).data();
        let attacks = FAMILIES.iter().copied().flatten().count();
        Self {
            client: owner.with_token(key["secret"].as_str().unwrap()),
            first: number * attacks / ATTACKERS,
            deployed: HashSet::new(),
        }
    }

    /// One attack after the other. Each leaves nothing behind, and after all of them the directory is emptied, by the way that
    /// counts it.
    async fn go_round(&mut self, lap: usize) {
        let attacks: Vec<_> = FAMILIES.iter().copied().flatten().map(|probe| probe.hurried()).collect();
        for attack in attacks.iter().cycle().skip(self.first).take(attacks.len()) {
            let shapes: Vec<_> = attack.shapes().collect();
            let (shape, end) = (shapes[lap % shapes.len()], attack.ends[lap % attack.ends.len()]);
            self.once(attack, shape, end).await;
            self.assert_idle(attack).await;
        }
        for entry in self.client.all("files").await {
            let name: String =
                entry["name"].as_str().unwrap().bytes().map(|byte| format!("%{byte:02x}")).collect();
            let removed = self.client.delete(&format!("files/{name}")).await;
            assert_eq!(removed.status, 204, "{}", removed.text());
        }
    }

    /// One attack, which ends as it should.
    async fn once(&mut self, attack: &Probe, shape: Shape, end: End) {
        let wasm = || probe(attack.name, shape);
        if let End::Refused(status, code) = end {
            self.client.upload(wasm()).await.problem(status, code);
            return;
        }
        let command = format!("{}-{shape:?}", attack.name).to_lowercase();
        if self.deployed.insert(command.clone()) {
            self.client.deploy(&command, wasm(), attack.grants.wire()).await;
        }
        let mut request = attack.request(end);
        request["command"] = command.into();
        let (run, _) = attack_by(&self.client, attack, request, end).await;
        assert_eq!(
            run["outcome"]["kind"].as_str(),
            end.outcome(),
            "{} {shape:?} {end:?}: {run}",
            attack.name
        );
    }

    /// Budget and permits are back as soon as the end of the run was told, or a moment later: large guests give their memory
    /// back after their end.
    async fn assert_idle(&self, attack: &Probe) {
        eventually(&format!("the budget after {}", attack.name), async || {
            let usage = self.client.get("usage").await.expect(200).data();
            let items = usage["items"].as_array().unwrap();
            let held = |name: &str| {
                let item = items.iter().find(|item| item["name"] == name);
                item.unwrap_or_else(|| panic!("no {name} in {usage}"))["used"].as_u64().unwrap()
            };
            HELD_BY_RUNS.iter().all(|name| held(name) == 0).then_some(())
        })
        .await;
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
        let state = settled(&stage, &[], warm.as_ref()).await;
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
    /// Entries of the attackers' directories.
    files: usize,
}

impl State {
    async fn of(stage: &Stage, attackers: &[Attacker]) -> Self {
        let mut files = 0;
        for attacker in attackers {
            files += attacker.client.all("files").await.len();
        }
        Self {
            active_runs: stage.metric("cloister_runs_active").await,
            queued: stage.metric("cloister_scheduler_queued").await,
            files,
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
async fn settled(stage: &Stage, attackers: &[Attacker], warm: Option<&State>) -> State {
    eventually("the host's being back where it was", async || {
        let state = State::of(stage, attackers).await;
        state.is_back_at(warm).then_some(state)
    })
    .await
}
