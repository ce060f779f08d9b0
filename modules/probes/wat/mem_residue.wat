;; Looks for what an earlier guest left in its memory, the pages it grows by and its globals, then leaves a pattern there.
;; Gets through (66) when there is something.
;; core only: the adapter writes into the memory it shares.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 64)
  (global $mark (mut i64) (i64.const 0))
  (func (export "_start") (local $at i32)
    (if (i32.eq (memory.grow (i32.const 64)) (i32.const -1)) (then (call $exit (i32.const 2))))
    (if (i64.ne (global.get $mark) (i64.const 0)) (then (call $exit (i32.const 66))))
    (loop $look
      (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (call $exit (i32.const 66))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $look (i32.lt_u (local.get $at) (i32.const 8388608))))
    (memory.fill (i32.const 0) (i32.const 165) (i32.const 8388608))
    (global.set $mark (i64.const -1))))
