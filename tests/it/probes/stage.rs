//! A host with an attacker and a neighbour, and one attack on it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::probe::{End, Probe};
use super::report::{Measured, Report};
use crate::harness::{Client, HostOptions, Shape, World, eventually, fixture, probe, workspace};

/// From a limit or a kill to the end. Far above what is promised (50 ms), for machines that do other things; what was measured
/// stands in the report.
const STOP_BOUND: Duration = Duration::from_secs(1);
/// A slow end must be slow each time to count: something else may have had the machine.
const ATTEMPTS: usize = 3;
/// CPU time of a guest that waits: its start and nothing else, with room for a slow machine.
const IDLE_CPU: Duration = Duration::from_millis(150);

/// One host for a family of probes.
pub(crate) struct Stage {
    pub(crate) world: World,
}

impl Stage {
    /// Starts a host where tenant `a` attacks and tenant `b` works.
    pub(crate) async fn set() -> Self {
        Self::set_with("").await
    }

    /// The same with a configuration.
    pub(crate) async fn set_with(config: &str) -> Self {
        let world =
            World::start_with(HostOptions { config: config.to_owned(), ..HostOptions::default() }).await;
        world.b.deploy("lines", fixture("lines", Shape::Core), json!({})).await;
        Self { world }
    }

    /// Runs all ends of all probes in all their shapes, one after the other, and writes down what was measured.
    pub(crate) async fn play(&self, family: &str, probes: &[Probe]) {
        let mut report = Report::new(family);
        for probe in probes {
            self.play_one(probe, &mut report).await;
        }
        report.finish();
    }

    /// One probe in all its shapes, with all its ends.
    pub(crate) async fn play_one(&self, probe: &Probe, report: &mut Report) {
        for shape in probe.shapes() {
            for end in probe.ends {
                let judged = match end {
                    End::Refused(status, code) => self.upload(probe, shape, *status, code).await,
                    end => self.attack(probe, shape, *end).await,
                };
                report.add(probe, shape, *end, judged);
            }
        }
    }

    /// Uploads what must be refused, while the neighbour works.
    async fn upload(
        &self,
        attack: &Probe,
        shape: Shape,
        status: u16,
        code: &str,
    ) -> Result<Measured, String> {
        let uploading = Instant::now();
        let (answer, neighbour) =
            tokio::join!(self.world.a.upload(probe(attack.name, shape)), self.neighbour());
        let seen = (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned());
        if (seen.0, seen.1.as_str()) != (status, code) {
            return Err(format!("answered {seen:?}: {}", answer.text()));
        }
        Ok(Measured { over: None, whole: uploading.elapsed(), neighbour })
    }

    pub(crate) async fn attack(&self, probe: &Probe, shape: Shape, end: End) -> Result<Measured, String> {
        self.deploy(&self.world.a, probe, shape).await;
        let mut attempt = 0;
        loop {
            let beginning = Instant::now();
            let ((run, over), neighbour) = tokio::join!(self.run(probe, end), self.neighbour());
            judge(probe, end, &run)?;
            attempt += 1;
            if over.is_none_or(|over| over < STOP_BOUND) {
                return Ok(Measured { over, whole: beginning.elapsed(), neighbour });
            }
            if attempt == ATTEMPTS {
                return Err(format!("ended {over:?} too late, {attempt} times"));
            }
        }
    }

    /// Uploads a probe and binds it to its own name.
    pub(crate) async fn deploy(&self, client: &Client, attack: &Probe, shape: Shape) {
        client.deploy(attack.name, probe(attack.name, shape), attack.grants.wire()).await;
    }

    /// Runs a probe to its end; how much later than it should that came. Whatever it was told has no path of the host.
    pub(crate) async fn run(&self, probe: &Probe, end: End) -> (Value, Option<Duration>) {
        let (run, over) = self.run_unread(probe, end).await;
        let told = run.to_string();
        let data = self.world.host.data().to_str().unwrap();
        for path in [data, workspace().to_str().unwrap(), ".cargo/registry"] {
            assert!(!told.contains(path), "{} was told of {path}: {told}", probe.name);
        }
        (run, over)
    }

    async fn run_unread(&self, probe: &Probe, end: End) -> (Value, Option<Duration>) {
        let (run, killing) = attack_by(&self.world.a, probe, probe.request(end), end).await;
        let after =
            |field: &str, limit_ms: u64| used(&run, field).saturating_sub(Duration::from_millis(limit_ms));
        let over = match end {
            End::Wall => Some(after("wall_us", probe.pace.wall_ms)),
            End::Cpu => Some(after("cpu_us", probe.pace.cpu_ms)),
            _ => killing,
        };
        (run, over)
    }

    /// Kills a run and waits for its end.
    pub(crate) async fn kill(&self, id: &str) -> Value {
        kill_by(&self.world.a, id).await
    }

    /// The neighbour's command, beside an attack: its answer is right. How long it took.
    pub(crate) async fn neighbour(&self) -> Duration {
        let asking = Instant::now();
        let run = self.world.b.run("lines", &["1"]).await;
        assert_eq!(run["output"]["stdout"], "out 1\n", "{run}");
        asking.elapsed()
    }

    /// Waits until no run is left, then gives what the host holds.
    pub(crate) async fn quiet(&self) {
        eventually("the end of all runs", async || {
            (self.metric("cloister_runs_active").await == 0).then_some(())
        })
        .await;
    }

    /// One number of `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.world.anonymous.get("/metrics").await.expect(200).text();
        let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
        let value = line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }
}

/// Runs what is requested of a probe, and kills it when that is its end; how long the kill took.
pub(super) async fn attack_by(
    client: &Client,
    probe: &Probe,
    request: Value,
    end: End,
) -> (Value, Option<Duration>) {
    if end == End::Kill {
        let id = client.start(request).await;
        tokio::time::sleep(probe.pace.head_start).await;
        let killing = Instant::now();
        let run = kill_by(client, &id).await;
        return (run, Some(killing.elapsed()));
    }
    let run = if probe.silent_stdin {
        client.ended(&client.start(request).await).await
    } else {
        client.run_with(request).await
    };
    (run, None)
}

async fn kill_by(client: &Client, id: &str) -> Value {
    let run = client.post(&format!("runs/{id}/kill"), json!({})).await.expect(200).data();
    // The answer does not wait for ever, but the end counts.
    if run["status"] == "ended" { run } else { client.ended(id).await }
}

/// Compares how a run ended with how it had to.
fn judge(probe: &Probe, end: End, run: &Value) -> Result<(), String> {
    let outcome = &run["outcome"];
    let text = |field: &str| outcome[field].as_str().unwrap_or_default();
    let right = match end {
        End::Trap(message) => text("message").contains(message),
        End::Held => outcome["exit_code"] == 0,
        _ => true,
    };
    if Some(text("kind")) != end.outcome() || !right {
        return Err(format!("ended as {outcome}: {}", run["output"]));
    }
    if used(run, "wall_us").is_zero() {
        return Err(format!("reports no usage: {run}"));
    }
    let peak_bytes = run["usage"]["peak_memory_bytes"].as_u64().unwrap_or(u64::MAX);
    if peak_bytes > probe.limits.memory_bytes {
        return Err(format!("had {peak_bytes} bytes of memory"));
    }
    let written =
        ["stdout_bytes", "stderr_bytes"].map(|field| run["usage"][field].as_u64().unwrap_or(u64::MAX));
    if written.iter().sum::<u64>() > probe.limits.output_bytes {
        return Err(format!("wrote {written:?} bytes"));
    }
    if probe.idle && used(run, "cpu_us") > IDLE_CPU {
        return Err(format!("waited, and was charged {:?} of CPU time", used(run, "cpu_us")));
    }
    Ok(())
}

fn used(run: &Value, field: &str) -> Duration {
    Duration::from_micros(run["usage"][field].as_u64().unwrap_or_default())
}
