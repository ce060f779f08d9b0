;; Looks into locals that were never set, at depths where an earlier guest left its own. Gets through (66) when one is not zero.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $look (param $depth i32) (local $a i64) (local $b i64) (local $c i64) (local $d i64)
    (if (i64.ne (i64.const 0)
          (i64.or (i64.or (local.get $a) (local.get $b)) (i64.or (local.get $c) (local.get $d))))
      (then (call $exit (i32.const 66))))
    (local.set $a (i64.const 0x5a5a5a5a5a5a5a5a))
    (local.set $b (i64.mul (local.get $a) (i64.extend_i32_u (local.get $depth))))
    (local.set $c (i64.add (local.get $a) (local.get $b)))
    (local.set $d (i64.sub (local.get $c) (local.get $a)))
    (if (local.get $depth) (then (call $look (i32.sub (local.get $depth) (i32.const 1)))))
    ;; So that they live across the call.
    (i64.store (i32.const 0) (i64.xor (i64.xor (local.get $a) (local.get $b)) (i64.xor (local.get $c) (local.get $d)))))
  (func (export "_start") (call $look (i32.const 2000))))
