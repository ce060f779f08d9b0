//! What a guest sees of time and chance.

use std::sync::Arc;
use std::time::Duration;

use cloister_runtime::Limits;

use crate::support::{Bench, Collected, grant, limits};

/// Writes 64 times of the clock `id`, 8 bytes each, then its resolution.
fn times(id: u32) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\00\01\00\00\08\02\00\00")
        (func (export "_start") (local i32)
            (loop $again
                (drop (call $time (i32.const {id}) (i64.const 0) (i32.add (i32.const 256) (i32.mul (local.get 0) (i32.const 8)))))
                (br_if $again (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 64))))
            (drop (call $resolution (i32.const {id}) (i32.const 768)))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    )
}

async fn seen(bench: &Bench, id: u32, step: Duration) -> Vec<u64> {
    let output = Arc::new(Collected::default());
    let limits = Limits { clock_resolution: step, ..limits() };
    bench.start(&times(id), grant(&output), limits).await.report().await.unwrap();
    output.stdout().chunks(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())).collect()
}

#[tokio::test]
async fn coarse_clocks_move_in_steps_only() {
    let bench = Bench::new();
    let step = Duration::from_millis(1);
    for id in [0, 1] {
        let fine = seen(&bench, id, Duration::ZERO).await;
        assert!(fine[64] < 1_000_000 && fine[..64].iter().any(|time| time % 1_000_000 != 0), "{fine:?}");
        let coarse = seen(&bench, id, step).await;
        assert_eq!((coarse.len(), coarse[64]), (65, 1_000_000));
        assert!(coarse[..64].iter().all(|time| time % 1_000_000 == 0), "{coarse:?}");
        assert!(coarse[..64].is_sorted());
    }
    // The wall clock still tells today's time.
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let told = Duration::from_nanos(seen(&bench, 0, step).await[0]);
    assert!(now.abs_diff(told) < Duration::from_secs(60), "{told:?}");
}

#[tokio::test]
async fn clocks_of_the_hosts_processes_are_not_told() {
    let bench = Bench::new();
    for id in [2, 3] {
        assert!(seen(&bench, id, Duration::ZERO).await.iter().all(|time| *time == 0));
    }
}

#[tokio::test]
async fn no_two_guests_draw_the_same_random_bytes() {
    let bench = Bench::new();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\00\01\00\00\20\00\00\00")
        (func (export "_start")
            (drop (call $random (i32.const 256) (i32.const 32)))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let output = Arc::new(Collected::default());
        bench.start(text, grant(&output), limits()).await.report().await.unwrap();
        let bytes = output.stdout();
        assert_eq!(bytes.len(), 32);
        assert!(drawn.insert(bytes), "drawn before");
    }
}
