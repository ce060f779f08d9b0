;; Grows a table until it is refused. Gets through (66) when it holds more than 64 Mi elements.
;; core only: the adapter's own memory use would blur the numbers.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (table $t 1 funcref)
  (func (export "_start") (local $step i32)
    (local.set $step (i32.const 1048576))
    (loop $again
      (if (i32.eq (table.grow $t (ref.null func) (local.get $step)) (i32.const -1))
        (then (local.set $step (i32.shr_u (local.get $step) (i32.const 1)))))
      (if (i32.gt_u (table.size $t) (i32.const 67108864)) (then (call $exit (i32.const 66))))
      (br_if $again (local.get $step)))))
