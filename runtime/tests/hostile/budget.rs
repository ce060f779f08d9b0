//! What all runs of a tenant use together: bounded at every moment, and given back on every path out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use cloister_runtime::{
    Budget, BudgetLimits, Bytes, Limits, Metering, Outcome, OutputSink, OutputStreamKind, Prepared,
    Reservation, Resource, RunError, StdinPipe, StdinSource, Tenant, TenantLimits,
};
use parking_lot::Mutex;

use crate::support::{Bench, grant, guest, limits};

const PAGE: u64 = 64 << 10;

/// Grows a page at a time until it is refused, then traps.
const GROWS: &str = r#"
    (func (export "_start")
        (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        unreachable)"#;
/// Grows to 64 pages, then reads standard input, which does not come.
const HOLDS: &str = r#"
    (func (export "_start")
        (drop (memory.grow (i32.const 63)))
        (i32.store (i32.const 4) (i32.const 64))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))))"#;
/// Writes 1,000 bytes at a time, for ever.
const FLOODS: &str = r#"
    (data (i32.const 0) "\00\01\00\00\e8\03\00\00")
    (func (export "_start") (loop $again
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
        (br $again)))"#;

fn memory(pages: u64) -> BudgetLimits {
    BudgetLimits { memory_bytes: pages * PAGE, ..BudgetLimits::UNLIMITED }
}

fn waiting() -> cloister_runtime::Grant {
    let mut grant = grant(&Arc::default());
    grant.stdin = StdinSource::Pipe(StdinPipe::new());
    grant
}

/// Waits for something that happens on another thread.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{what} did not happen within ten seconds");
}

async fn until_unused(budget: &Budget) {
    until("the budget's release", || budget.is_unused()).await;
}

fn used(tenant: &Tenant, resource: Resource) -> u64 {
    tenant.budget().usage(resource).used
}

#[tokio::test]
async fn a_run_gets_what_the_others_of_its_tenant_leave() {
    let bench = Bench::new();
    let tenant = bench.tenant(memory(100));
    let holds = bench.prepare(&guest(HOLDS), Metering::Epochs).await;
    let holder = bench.runtime.start(tenant.admit().unwrap(), holds, waiting(), limits());
    until("the growth", || used(&tenant, Resource::Memory) == 64 * PAGE).await;
    let grows = bench.prepare(&guest(GROWS), Metering::Epochs).await;
    let run = |tenant: &Tenant| {
        bench.runtime.start(tenant.admit().unwrap(), Arc::clone(&grows), grant(&Arc::default()), limits())
    };
    let report = run(&tenant).report().await.unwrap();
    assert_eq!(report.outcome, Outcome::TenantOutOfMemory);
    assert_eq!(report.usage.peak_memory_bytes, 36 * PAGE);
    // Another tenant is not concerned.
    let other = bench.tenant(memory(200));
    assert_eq!(run(&other).report().await.unwrap().usage.peak_memory_bytes, 200 * PAGE);
    holder.canceller().cancel();
    holder.report().await.unwrap();
    assert_eq!(run(&tenant).report().await.unwrap().usage.peak_memory_bytes, 100 * PAGE);
    assert!(tenant.budget().is_unused());
}

#[tokio::test]
async fn memory_and_tables_that_are_declared_are_charged_before_the_guest_starts() {
    let bench = Bench::new();
    let large = r#"(module (memory 50) (memory 51) (func (export "_start")))"#;
    let table = r#"(module (memory 1) (table 819200 funcref) (func (export "_start")))"#;
    for text in [large, table] {
        let module = bench.prepare(text, Metering::Epochs).await;
        for (pages, outcome) in [(100, Outcome::TenantOutOfMemory), (101, Outcome::Exited(0))] {
            let tenant = bench.tenant(memory(pages));
            let run = bench.runtime.start(
                tenant.admit().unwrap(),
                Arc::clone(&module),
                grant(&Arc::default()),
                limits(),
            );
            assert_eq!(run.report().await.unwrap().outcome, outcome, "{text} with {pages} pages");
            assert!(tenant.budget().is_unused());
        }
    }
}

#[tokio::test]
async fn a_changed_limit_holds_at_once_for_a_run_that_is_under_way() {
    let bench = Bench::new();
    let tenant = bench.tenant(memory(10));
    // Asks until it has twenty pages.
    let text = guest(
        r#"(func (export "_start") (loop $again
            (drop (memory.grow (i32.const 1)))
            (br_if $again (i32.lt_u (memory.size) (i32.const 20)))))"#,
    );
    let module = bench.prepare(&text, Metering::Epochs).await;
    let run = bench.runtime.start(tenant.admit().unwrap(), module, grant(&Arc::default()), limits());
    until("a refusal", || tenant.budget().usage(Resource::Memory).refused > 0).await;
    tenant.set_limits(&TenantLimits { budget: memory(20), ..TenantLimits::UNLIMITED });
    assert_eq!(run.report().await.unwrap().outcome, Outcome::Exited(0));
}

#[tokio::test]
async fn a_tenant_has_only_so_many_runs_at_a_time() {
    let bench = Bench::new();
    let tenant = bench.tenant(BudgetLimits { runs: 2, ..BudgetLimits::UNLIMITED });
    let module = bench.prepare(&guest(HOLDS), Metering::Epochs).await;
    let start = |admission| bench.runtime.start(admission, Arc::clone(&module), waiting(), limits());
    let first = tenant.admit().unwrap();
    let place = first.place();
    let (first, second) = (start(first), start(tenant.admit().unwrap()));
    let refused = tenant.admit().err().unwrap();
    assert_eq!((refused.resource, refused.used, refused.limit), (Resource::Runs, 2, 2));
    for run in [first, second] {
        run.canceller().cancel();
        run.report().await.unwrap();
    }
    // The first is over, and what its host does for it is not.
    assert_eq!(used(&tenant, Resource::Runs), 1);
    drop(place);
    assert!(tenant.budget().is_unused());
}

/// How a run comes to its end.
#[derive(Debug, Clone, Copy)]
enum End {
    Exit,
    Trap,
    Cancel,
    Dropped,
    CpuTime,
    Panic,
    NoMemory,
}

#[tokio::test]
async fn every_path_out_gives_everything_back() {
    let bench = Bench::new();
    let spins = r#"(memory.grow (i32.const 9)) drop (loop $again (br $again))"#;
    let writes = r#"(memory.grow (i32.const 9)) drop (i32.store (i32.const 4) (i32.const 9))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"#;
    for (end, body) in [
        (End::Exit, writes),
        (End::Trap, "(drop (memory.grow (i32.const 9))) unreachable"),
        (End::Cancel, spins),
        (End::Dropped, spins),
        (End::CpuTime, spins),
        (End::Panic, writes),
        (End::NoMemory, writes),
    ] {
        let module =
            bench.prepare(&guest(&format!("(func (export \"_start\") {body})")), Metering::Epochs).await;
        for _ in 0..20 {
            let tenant = bench.tenant(memory(if matches!(end, End::NoMemory) { 0 } else { 10 }));
            ended(&bench, &tenant, &module, end).await;
            until_unused(tenant.budget()).await;
            assert_eq!(tenant.budget().usage(Resource::Runs).peak, 1, "{end:?}");
        }
    }
    // Nothing of the pool was lost either.
    assert_eq!(
        bench.run(&guest(r#"(func (export "_start"))"#), limits()).await.unwrap().outcome,
        Outcome::Exited(0)
    );
}

async fn ended(bench: &Bench, tenant: &Tenant, module: &Arc<Prepared>, end: End) {
    let mut grant = grant(&Arc::default());
    if matches!(end, End::Panic) {
        grant.output = Arc::new(Panics);
    }
    let limits = match end {
        End::CpuTime => Limits { cpu: Duration::from_millis(5), ..limits() },
        _ => limits(),
    };
    let run = bench.runtime.start(tenant.admit().unwrap(), Arc::clone(module), grant, limits);
    let grown = || used(tenant, Resource::Memory) == 10 * PAGE;
    match end {
        End::Dropped => {
            until("the growth", grown).await;
            drop(run);
        }
        End::Cancel => {
            until("the growth", grown).await;
            run.canceller().cancel();
            assert_eq!(run.report().await.unwrap().outcome, Outcome::Cancelled);
        }
        End::Panic => assert!(matches!(run.report().await, Err(RunError::Stopping))),
        End::Exit => assert_eq!(run.report().await.unwrap().outcome, Outcome::Exited(0)),
        End::Trap => assert!(matches!(run.report().await.unwrap().outcome, Outcome::Trapped(_))),
        End::CpuTime => assert_eq!(run.report().await.unwrap().outcome, Outcome::OutOfCpuTime),
        End::NoMemory => assert_eq!(run.report().await.unwrap().outcome, Outcome::TenantOutOfMemory),
    }
}

/// A fault of the host in the middle of a call.
struct Panics;

impl OutputSink for Panics {
    fn write(&self, _: OutputStreamKind, _: Bytes, _: Reservation) {
        panic!("a fault that this test wants");
    }

    fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[tokio::test]
async fn a_runtime_that_goes_gives_back_what_its_runs_held() {
    let bench = Bench::new();
    let tenant = bench.tenant(BudgetLimits::UNLIMITED);
    let mut runs = Vec::new();
    for body in [HOLDS, FLOODS, GROWS, r#"(func (export "_start") (loop $again (br $again)))"#] {
        let module = bench.prepare(&guest(body), Metering::Epochs).await;
        for _ in 0..3 {
            let admission = tenant.admit().unwrap();
            runs.push(bench.runtime.start(admission, Arc::clone(&module), waiting(), limits()));
        }
    }
    let budget = tenant.budget().clone();
    until("a start", || budget.usage(Resource::Memory).used > 0).await;
    drop((tenant, bench));
    for run in runs {
        // Some had come to an end; the others say that the host stops.
        let _ = run.report().await;
    }
    until_unused(&budget).await;
}

/// Keeps what it is given until it is told to pass it on.
#[derive(Default)]
struct Stuck {
    held: Mutex<Vec<Reservation>>,
    open: AtomicBool,
}

impl OutputSink for Stuck {
    fn write(&self, _: OutputStreamKind, _: Bytes, held: Reservation) {
        if !self.open.load(Ordering::Acquire) {
            self.held.lock().push(held);
        }
    }

    fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[tokio::test]
async fn guests_wait_while_their_tenants_output_is_not_taken() {
    let bench = Bench::new();
    let limit = 300_000;
    let tenant = bench.tenant(BudgetLimits { output_bytes: limit, ..BudgetLimits::UNLIMITED });
    let sink = Arc::new(Stuck::default());
    let module = bench.prepare(&guest(FLOODS), Metering::Epochs).await;
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let mut grant = grant(&Arc::default());
            grant.output = Arc::clone(&sink) as _;
            let limits = Limits { output_bytes: 1_000_000, ..limits() };
            bench.runtime.start(tenant.admit().unwrap(), Arc::clone(&module), grant, limits)
        })
        .collect();
    // One write asks for 64 KiB before it knows how much it needs.
    until("the full budget", || used(&tenant, Resource::Output) > limit - (64 << 10)).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(tenant.budget().usage(Resource::Output).peak <= limit);
    // Whoever waits can be ended.
    let mut runs = runs.into_iter();
    let cancelled = runs.next().unwrap();
    cancelled.canceller().cancel();
    assert_eq!(cancelled.report().await.unwrap().outcome, Outcome::Cancelled);
    // Once it is taken, the others go on to the end of what they may write.
    sink.open.store(true, Ordering::Release);
    let held = std::mem::take(&mut *sink.held.lock());
    drop(held);
    for run in runs {
        let report = run.report().await.unwrap();
        assert_eq!((report.outcome, report.usage.stdout_bytes), (Outcome::OutputLimit, 1_000_000));
    }
    // What slipped in between the two lines above.
    sink.held.lock().clear();
    assert!(tenant.budget().is_unused());
}

#[tokio::test]
async fn a_hundred_hostile_runs_never_exceed_their_tenants_budget() {
    let bench = Bench::with(128, 64 << 20, 2);
    let bound = BudgetLimits {
        memory_bytes: 500 * PAGE,
        runs: 60,
        output_bytes: 60 * (128 << 10),
        ..BudgetLimits::UNLIMITED
    };
    let tenant = bench.tenant(bound);
    let modules = [
        bench.prepare(&guest(GROWS), Metering::Epochs).await,
        bench.prepare(&guest(HOLDS), Metering::Epochs).await,
        bench.prepare(&guest(FLOODS), Metering::Epochs).await,
        bench
            .prepare(
                &guest(
                    r#"(table $t 1 externref) (func (export "_start") (loop $again
            (drop (table.grow $t (ref.null extern) (i32.const 1000))) (br $again)))"#,
                ),
                Metering::Epochs,
            )
            .await,
    ];
    let done = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let (budget, done) = (tenant.budget().clone(), Arc::clone(&done));
        move || {
            let mut samples = 0_u64;
            while !done.load(Ordering::Relaxed) {
                for resource in [Resource::Memory, Resource::Runs, Resource::Output] {
                    let usage = budget.usage(resource);
                    assert!(usage.used <= usage.limit, "{resource:?}: {usage:?}");
                }
                samples += 1;
            }
            samples
        }
    });
    let mut runs = Vec::new();
    let mut refused = 0;
    for number in 0..100 {
        match tenant.admit() {
            Ok(admission) => {
                let limits = Limits { cpu: Duration::from_millis(20), output_bytes: 300_000, ..limits() };
                let module = Arc::clone(&modules[number % modules.len()]);
                runs.push(bench.runtime.start(admission, module, waiting(), limits));
            }
            Err(_) => refused += 1,
        }
    }
    // Some may have ended meanwhile and made room.
    assert!(refused > 0, "{refused}");
    until("a refusal", || tenant.budget().usage(Resource::Memory).refused > 0).await;
    // Half are ended, half dropped.
    for (number, run) in runs.into_iter().enumerate() {
        if number % 2 == 0 {
            run.canceller().cancel();
            run.report().await.unwrap();
        }
    }
    until_unused(tenant.budget()).await;
    done.store(true, Ordering::Relaxed);
    assert!(watcher.join().unwrap() > 0);
    for resource in [Resource::Memory, Resource::Runs, Resource::Output] {
        let usage = tenant.budget().usage(resource);
        assert!(usage.peak <= usage.limit, "{resource:?}: {usage:?}");
    }
}
