;; Polls 400,000 timers in one call, again and again. Gets through (66) when the host takes them all.
;; core only: a component's adapter has no room for so many.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 512)
  (func (export "_start") (local $at i32) (local $round i32)
    (loop $fill
      (i32.store offset=16 (local.get $at) (i32.const 1))
      (i64.store offset=24 (local.get $at) (i64.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 48)))
      (br_if $fill (i32.lt_u (local.get $at) (i32.const 19200000))))
    (loop $again
      (if (i32.eqz (call $poll (i32.const 0) (i32.const 19200000) (i32.const 400000) (i32.const 33554400)))
        (then (call $exit (i32.const 66))))
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $round) (i32.const 50))))))
