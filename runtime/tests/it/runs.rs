//! One guest at a time: its output, its limits and its ends.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Bench, Collected, grant, guest, limits};
use cloister_runtime::{Bytes, CpuShare, Limits, Outcome, StdinPipe, StdinSource, TenantLimits};

const ENDLESS: &str = r#"(func (export "_start") (loop $again (br $again)))"#;

/// Copies standard input to standard output until its end.
const CAT: &str = r#"
    (data (i32.const 0) "\10\00\00\00\00\10\00\00")
    (func (export "_start")
        (loop $again
            (i32.store (i32.const 4) (i32.const 4096))
            (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (if (i32.load (i32.const 8)) (then
                (i32.store (i32.const 4) (i32.load (i32.const 8)))
                (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                (br $again)))))"#;

#[tokio::test]
async fn a_guest_writes_and_exits_with_its_code() {
    let bench = Bench::new();
    let output = Arc::new(Collected::default());
    let text = guest(
        r#"(data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
        (func (export "_start")
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
            (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 64)))
            (call $proc_exit (i32.const 200)))"#,
    );
    let report = bench.start(&text, grant(&output), limits()).await.report().await.unwrap();
    assert_eq!(report.outcome, Outcome::Exited(200));
    assert_eq!((output.stdout(), output.stderr()), (b"hello\n".to_vec(), b"hello\n".to_vec()));
    assert_eq!((report.usage.stdout_bytes, report.usage.stderr_bytes), (6, 6));
    assert_eq!(report.usage.peak_memory_bytes, 65536);
}

#[tokio::test]
async fn an_endless_loop_ends_at_each_of_the_three_clocks() {
    let bench = Bench::new();
    let text = guest(ENDLESS);
    let cpu = Limits { cpu: Duration::from_millis(50), ..limits() };
    assert_eq!(bench.run(&text, cpu).await.unwrap().outcome, Outcome::OutOfCpuTime);
    let wall = Limits { wall: Duration::from_millis(50), ..limits() };
    assert_eq!(bench.run(&text, wall).await.unwrap().outcome, Outcome::TimedOut);
    let fuel = Limits { fuel: Some(1_000_000), ..limits() };
    let report = bench.run(&text, fuel).await.unwrap();
    assert_eq!((report.outcome, report.usage.fuel), (Outcome::OutOfFuel, Some(1_000_000)));
}

#[tokio::test]
async fn a_loop_in_the_start_function_ends_too() {
    let bench = Bench::new();
    let text = guest(r#"(func $spin (loop $again (br $again))) (start $spin) (func (export "_start"))"#);
    let cpu = Limits { cpu: Duration::from_millis(50), ..limits() };
    assert_eq!(bench.run(&text, cpu).await.unwrap().outcome, Outcome::OutOfCpuTime);
}

#[tokio::test]
async fn waiting_costs_wall_time_and_no_cpu_time() {
    let bench = Bench::new();
    // A relative clock subscription of 200 ms: tag 0 at byte 8, id 1 (monotonic) at 16, timeout at 24.
    let text = guest(
        r#"(func (export "_start")
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 200000000))
            (drop (call $poll_oneoff (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 256))))"#,
    );
    let report = bench.run(&text, limits()).await.unwrap();
    assert_eq!(report.outcome, Outcome::Exited(0));
    assert!(report.usage.wall >= Duration::from_millis(200), "{:?}", report.usage);
    assert!(report.usage.cpu < Duration::from_millis(50), "{:?}", report.usage);
}

#[tokio::test]
async fn a_guest_that_waits_for_ever_ends_at_its_deadline_or_when_cancelled() {
    let bench = Bench::new();
    let pipe = StdinPipe::new();
    let mut waits = grant(&Arc::default());
    waits.stdin = StdinSource::Pipe(pipe.clone());
    let wall = Limits { wall: Duration::from_millis(50), ..limits() };
    let run = bench.start(&guest(CAT), waits, wall).await;
    assert_eq!(run.report().await.unwrap().outcome, Outcome::TimedOut);
    assert!(pipe.write(Bytes::from_static(b"late")).await.is_err());

    let mut waits = grant(&Arc::default());
    waits.stdin = StdinSource::Pipe(StdinPipe::new());
    let run = bench.start(&guest(CAT), waits, limits()).await;
    run.canceller().cancel();
    assert_eq!(run.report().await.unwrap().outcome, Outcome::Cancelled);
    assert_eq!(bench.runtime.stats().live_runs, 0);
}

#[tokio::test]
async fn standard_input_streams_through() {
    let bench = Bench::new();
    let output = Arc::new(Collected::default());
    let pipe = StdinPipe::new();
    let mut streams = grant(&output);
    streams.stdin = StdinSource::Pipe(pipe.clone());
    let run = bench.start(&guest(CAT), streams, limits()).await;
    let mut sent = Vec::new();
    for round in 0..100u32 {
        let chunk: Vec<u8> = (0..10_000u32).map(|i| (i.wrapping_mul(round) >> 3) as u8).collect();
        sent.extend_from_slice(&chunk);
        pipe.write(Bytes::from(chunk)).await.unwrap();
    }
    pipe.close();
    let report = run.report().await.unwrap();
    assert_eq!(report.outcome, Outcome::Exited(0));
    assert_eq!(report.usage.stdin_bytes, 1_000_000);
    assert!(output.stdout() == sent, "the bytes that came out are not those that went in");
}

#[tokio::test]
async fn memory_is_bounded_and_its_refusal_is_the_cause_of_death() {
    let bench = Bench::new();
    let text = guest(
        r#"(func (export "_start")
            (loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
            unreachable)"#,
    );
    let small = Limits { memory_bytes: 10 << 20, ..limits() };
    let report = bench.run(&text, small).await.unwrap();
    assert_eq!(report.outcome, Outcome::OutOfMemory);
    assert!(report.usage.peak_memory_bytes <= 10 << 20);
}

#[tokio::test]
async fn a_flood_of_output_is_cut_at_exactly_its_limit() {
    let bench = Bench::new();
    let output = Arc::new(Collected::default());
    let text = guest(
        r#"(data (i32.const 0) "\00\01\00\00\e8\03\00\00")
        (func (export "_start") (loop $again
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
            (br $again)))"#,
    );
    let little = Limits { output_bytes: 100_500, ..limits() };
    let report = bench.start(&text, grant(&output), little).await.report().await.unwrap();
    assert_eq!(report.outcome, Outcome::OutputLimit);
    assert_eq!(output.stdout().len(), 100_500);
}

#[tokio::test]
async fn deep_recursion_traps_and_names_the_function() {
    let bench = Bench::new();
    let text = guest(r#"(func $down (export "_start") (call $down))"#);
    let Outcome::Trapped(cause) = bench.run(&text, limits()).await.unwrap().outcome else { panic!() };
    assert!(cause.contains("call stack exhausted") && cause.contains("down"), "{cause}");
}

#[tokio::test]
async fn a_dropped_run_gives_back_all_it_held() {
    let bench = Bench::new();
    for _ in 0..100 {
        // Sixteen slots: a leak of one each would be refused soon.
        drop(bench.start(&guest(ENDLESS), grant(&Arc::default()), limits()).await);
    }
    while bench.runtime.stats().live_runs > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        bench.run(&guest(r#"(func (export "_start"))"#), limits()).await.unwrap().outcome,
        Outcome::Exited(0)
    );
}

#[tokio::test]
async fn a_short_run_is_served_beside_endless_loops_of_another_tenant() {
    let bench = Bench::new();
    let hog = bench.runtime.tenant("hog", &TenantLimits::UNLIMITED);
    let module = bench
        .runtime
        .prepare(&bench.source(&guest(ENDLESS)), cloister_runtime::Metering::Epochs)
        .await
        .unwrap();
    let loops: Vec<_> = (0..12)
        .map(|_| {
            bench.runtime.start(hog.admit().unwrap(), Arc::clone(&module), grant(&Arc::default()), limits())
        })
        .collect();
    let short = bench.run(&guest(r#"(func (export "_start"))"#), limits()).await.unwrap();
    assert_eq!(short.outcome, Outcome::Exited(0));
    for hog in &loops {
        hog.canceller().cancel();
    }
    for hog in loops {
        assert_eq!(hog.report().await.unwrap().outcome, Outcome::Cancelled);
    }
}

#[tokio::test]
async fn a_cap_stretches_cpu_time_over_wall_time() {
    let bench = Bench::new();
    let tenth = TenantLimits {
        cpu: CpuShare { weight: CpuShare::PLAIN_WEIGHT, cap: Some(100) },
        ..TenantLimits::UNLIMITED
    };
    let capped = bench.runtime.tenant("capped", &tenth);
    let module = bench
        .runtime
        .prepare(&bench.source(&guest(ENDLESS)), cloister_runtime::Metering::Epochs)
        .await
        .unwrap();
    let limits = Limits { cpu: Duration::from_millis(50), ..limits() };
    let run = bench.runtime.start(capped.admit().unwrap(), module, grant(&Arc::default()), limits);
    let report = run.report().await.unwrap();
    assert_eq!(report.outcome, Outcome::OutOfCpuTime);
    // 50 ms at a tenth of a core take half a second, but for the little that an idle tenant may save up.
    assert!(report.usage.wall >= Duration::from_millis(350), "{:?}", report.usage);
    assert!(bench.runtime.stats().scheduler.throttles > 0);
}

#[tokio::test]
async fn more_runs_than_slots_are_told_that_the_host_is_busy() {
    let bench = Bench::new();
    let module =
        bench.runtime.prepare(&bench.source(&guest(CAT)), cloister_runtime::Metering::Epochs).await.unwrap();
    let mut runs = Vec::new();
    for _ in 0..80 {
        let mut waits = grant(&Arc::default());
        waits.stdin = StdinSource::Pipe(StdinPipe::new());
        runs.push(bench.runtime.start(bench.tenant.admit().unwrap(), Arc::clone(&module), waits, limits()));
    }
    let cancellers: Vec<_> = runs.iter().map(cloister_runtime::Run::canceller).collect();
    let mut reports = Vec::new();
    // Those refused end by themselves; the others wait.
    while bench.runtime.stats().live_runs > 32 {
        tokio::task::yield_now().await;
    }
    cancellers.iter().for_each(cloister_runtime::Canceller::cancel);
    for run in runs {
        reports.push(run.report().await);
    }
    let busy =
        reports.iter().filter(|report| matches!(report, Err(cloister_runtime::RunError::Busy(_)))).count();
    assert_eq!(busy, 80 - 32);
}
