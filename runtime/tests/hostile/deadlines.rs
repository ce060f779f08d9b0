//! From a kill or a deadline to the end of a guest, whatever it does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloister_runtime::{
    Access, DirectoryGrant, Grant, HostDirectory, Limits, Metering, Outcome, Prepared, StdinPipe, StdinSource,
};

use crate::attacks::{Attack, all, furnish};
use crate::support::{Bench, Collected, grant, limits};

const GIB: u64 = 1 << 30;
/// No test here waits longer for one guest.
const HANG_GUARD: Duration = Duration::from_secs(60);

/// Takes output and forgets it.
fn forgetful(bench: &Bench) -> Grant {
    let mut grant = grant(&Arc::new(Collected::default()));
    grant.output = Arc::new(crate::support::Forgets);
    grant.stdin = StdinSource::Pipe(StdinPipe::new());
    grant.env = (0..1000).map(|number| (format!("NAME_{number}"), "v".repeat(60))).collect();
    grant.args = (0..4000).map(|number| format!("argument-{number:020}")).collect();
    grant.directories = vec![DirectoryGrant {
        host: HostDirectory::Path(bench.path().join("files")),
        guest: "/".to_owned(),
        access: Access::ReadWrite,
    }];
    grant
}

fn furnished(threads: usize) -> Bench {
    let bench = Bench::with(2, 4 * GIB, threads);
    let files = bench.path().join("files");
    std::fs::create_dir(&files).unwrap();
    furnish(&files);
    bench
}

fn wide() -> Limits {
    Limits { memory_bytes: 5 * GIB, output_bytes: u64::MAX, ..limits() }
}

/// How a guest is ended.
#[derive(Debug, Clone, Copy)]
enum Way {
    Kill,
    Wall,
    Cpu,
}

/// Lets the guest run for `after`, ends it, and answers how long it took until its end was heard, and the outcome.
async fn end(bench: &Bench, module: &Arc<Prepared>, way: Way, after: Duration) -> (Duration, Outcome) {
    let limits = match way {
        Way::Kill => wide(),
        Way::Wall => Limits { wall: after, ..wide() },
        Way::Cpu => Limits { cpu: after, ..wide() },
    };
    let started = Instant::now();
    let run =
        bench.runtime.start(bench.tenant.admit().unwrap(), Arc::clone(module), forgetful(bench), limits);
    if let Way::Kill = way {
        let canceller = run.canceller();
        std::thread::spawn(move || {
            std::thread::sleep(after);
            canceller.cancel();
        });
    }
    let report = tokio::time::timeout(HANG_GUARD, run.report()).await.unwrap().unwrap();
    let since = match way {
        Way::Kill | Way::Wall => started.elapsed().saturating_sub(after),
        Way::Cpu => report.usage.cpu.saturating_sub(after),
    };
    (since, report.outcome)
}

async fn prepared(bench: &Bench, attack: &Attack) -> Arc<Prepared> {
    bench.prepare(&attack.text, Metering::Epochs).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_ends_when_it_is_killed_and_gives_everything_back() {
    let bench = furnished(1);
    for attack in all() {
        let module = prepared(&bench, &attack).await;
        let (_, outcome) = end(&bench, &module, Way::Kill, Duration::from_millis(20)).await;
        // Some meet a limit or trap before they are killed.
        assert_ne!(outcome, Outcome::TimedOut, "{}", attack.name);
        bench.unused(&bench.tenant).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it alone, in release or with `taskset -c 0`, and read what it prints"]
async fn measure_the_end_of_every_attack() {
    for threads in [1, 2] {
        let bench = furnished(threads);
        eprintln!("{threads} sandbox threads: worst of 3, in milliseconds from the end that was asked for");
        eprintln!("{:<24}{:>8}{:>8}{:>8}  outcome when killed", "attack", "kill", "wall", "cpu");
        for attack in all() {
            let module = prepared(&bench, &attack).await;
            let mut worst = [Duration::ZERO; 3];
            let mut last = Outcome::Cancelled;
            for round in 0..3 {
                let after = Duration::from_millis(120 + 40 * round);
                for (slot, way) in [Way::Wall, Way::Cpu, Way::Kill].into_iter().enumerate() {
                    if matches!(way, Way::Cpu) && !attack.spins {
                        continue;
                    }
                    let (since, outcome) = end(&bench, &module, way, after).await;
                    bench.unused(&bench.tenant).await;
                    worst[slot] = worst[slot].max(since);
                    last = outcome;
                }
            }
            let ms = worst.map(|time| format!("{:.1}", time.as_secs_f64() * 1e3));
            eprintln!("{:<24}{:>8}{:>8}{:>8}  {}", attack.name, ms[2], ms[0], ms[1], last.kind());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it alone and read what it prints"]
async fn measure_starts_and_clean_ups() {
    let bench = Bench::with(2, 4 * GIB, 1);
    let bytes = "x".repeat(4 << 20);
    let segments: String = (0..8).map(|at| format!("(data (i32.const {}) \"{bytes}\")", at << 22)).collect();
    let touch = |gib: u32| {
        format!(
            r#"(module (memory {}) (func (export "_start") (local i32) (loop $again
                (i32.store (local.get 0) (i32.const 1))
                (local.set 0 (i32.add (local.get 0) (i32.const 4096)))
                (br_if $again (i32.lt_u (local.get 0) (i32.const {}))))))"#,
            gib * 16_384,
            gib.wrapping_shl(30).wrapping_sub(4096),
        )
    };
    eprintln!("{:<24}{:>10}{:>10}{:>12}", "guest", "wall ms", "cpu ms", "heard after");
    for (name, text) in [
        ("nothing", r#"(module (func (export "_start")))"#.to_owned()),
        ("4 GiB untouched", r#"(module (memory 65536) (func (export "_start")))"#.to_owned()),
        ("32 MiB of data", format!(r#"(module (memory 512) {segments} (func (export "_start")))"#)),
        ("table of 1,048,576", r#"(module (table 1048576 funcref) (func (export "_start")))"#.to_owned()),
        ("1 GiB touched", touch(1)),
        ("3 GiB touched", touch(3)),
    ] {
        let module = bench.prepare(&text, Metering::Epochs).await;
        for _ in 0..2 {
            let started = Instant::now();
            let admission = bench.tenant.admit().unwrap();
            let run = bench.runtime.start(admission, Arc::clone(&module), grant(&Arc::default()), wide());
            let report = run.report().await.unwrap();
            let heard = started.elapsed();
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            eprintln!(
                "{name:<24}{:>10.1}{:>10.1}{:>12.1}",
                ms(report.usage.wall),
                ms(report.usage.cpu),
                ms(heard.saturating_sub(report.usage.wall))
            );
        }
    }
}
