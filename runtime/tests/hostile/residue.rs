//! What is left of an earlier guest in the slot that the next one gets: nothing.

use std::sync::Arc;

use cloister_runtime::Metering;

use crate::support::{Bench, Collected, grant, limits};

/// Fills memory from the first page to the last, a table, a global and the stack, then ends as it is told.
fn writes(pages: u32, end: &str) -> String {
    format!(
        r#"(module
        (memory {pages})
        (table $t 4096 funcref)
        (global $g (mut i64) (i64.const 0))
        (func $f)
        (elem declare func $f)
        (func $deep (param i32) (param i64) (result i64) (local i64 i64 i64 i64)
            (local.set 2 (local.get 1)) (local.set 3 (local.get 1))
            (if (result i64) (local.get 0)
                (then (call $deep (i32.sub (local.get 0) (i32.const 1)) (i64.const 0x5ec2e75ec2e75ec2)))
                (else (i64.add (local.get 2) (local.get 3)))))
        (func (export "_start")
            (memory.fill (i32.const 0) (i32.const 0x5e) (i32.mul (i32.const {pages}) (i32.const 65536)))
            (table.fill $t (i32.const 0) (ref.func $f) (i32.const 4096))
            (global.set $g (i64.const 0x5ec2e7))
            (drop (call $deep (i32.const 1000) (i64.const 0x5ec2e75ec2e75ec2)))
            {end}))"#
    )
}

/// Looks at all of it, and says what is not zero: its exit code has a bit for each.
fn looks(pages: u32) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
        (memory (export "memory") 1)
        (table $t 0 4096 funcref)
        (global $g (mut i64) (i64.const 0))
        (func (export "_start") (local $at i32) (local $seen i32) (local $fresh i64)
            (drop (memory.grow (i32.const {})))
            (loop $again
                (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (local.set $seen (i32.const 1))))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (br_if $again (i32.lt_u (local.get $at) (i32.mul (i32.const {pages}) (i32.const 65536)))))
            (drop (table.grow $t (ref.null func) (i32.const 4096)))
            (local.set $at (i32.const 0))
            (loop $again
                (if (i32.eqz (ref.is_null (table.get $t (local.get $at))))
                    (then (local.set $seen (i32.or (local.get $seen) (i32.const 2)))))
                (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 4096))))
            (if (i64.ne (global.get $g) (i64.const 0)) (then (local.set $seen (i32.or (local.get $seen) (i32.const 4)))))
            (if (i64.ne (local.get $fresh) (i64.const 0)) (then (local.set $seen (i32.or (local.get $seen) (i32.const 8)))))
            (call $proc_exit (local.get $seen))))"#,
        pages - 1
    )
}

#[tokio::test]
async fn a_slot_that_served_another_tenant_shows_zeros() {
    // One slot for each kind of thing, so that the second guest gets the first one's.
    let bench = Bench::with(1, 16 << 20, 1);
    // Less than what is cleared by hand when a slot is given back, and more.
    for pages in [2, 4, 5, 64, 256] {
        for end in ["", "unreachable", "(loop $again (br $again))"] {
            let first = bench.tenant(cloister_runtime::BudgetLimits::UNLIMITED);
            let module = bench.prepare(&writes(pages, end), Metering::Epochs).await;
            for _ in 0..2 {
                let limits =
                    cloister_runtime::Limits { cpu: std::time::Duration::from_millis(50), ..limits() };
                let admission = first.admit().unwrap();
                let run = bench.runtime.start(admission, Arc::clone(&module), grant(&Arc::default()), limits);
                assert!(run.report().await.unwrap().usage.peak_memory_bytes >= u64::from(pages) << 16);
            }
            let second = bench.tenant(cloister_runtime::BudgetLimits::UNLIMITED);
            let module = bench.prepare(&looks(pages), Metering::Epochs).await;
            let output = Arc::new(Collected::default());
            let run = bench.runtime.start(second.admit().unwrap(), module, grant(&output), limits());
            let outcome = run.report().await.unwrap().outcome;
            assert_eq!(outcome, cloister_runtime::Outcome::Exited(0), "{pages} pages, {end:?}");
        }
    }
}
