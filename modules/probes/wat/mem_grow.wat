;; Grows its memory by the largest step that works until none does. Gets through (66) when it holds more than 1 GiB.
;; core only: the adapter's own memory use would blur the numbers.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $step i32)
    (local.set $step (i32.const 32768))
    (loop $again
      (if (i32.eq (memory.grow (local.get $step)) (i32.const -1))
        (then (local.set $step (i32.shr_u (local.get $step) (i32.const 1)))))
      (br_if $again (local.get $step)))
    (if (i32.gt_u (memory.size) (i32.const 16384)) (then (call $exit (i32.const 66))))))
