;; Grows a page at a time and writes to each, until it is refused. Gets through (66) when it holds more than 1 GiB.
;; core only: the adapter's own memory use would blur the numbers.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $page i32)
    (loop $again
      (local.set $page (memory.grow (i32.const 1)))
      (if (i32.ne (local.get $page) (i32.const -1))
        (then
          (memory.fill (i32.mul (local.get $page) (i32.const 65536)) (i32.const 165) (i32.const 65536))
          (if (i32.gt_u (local.get $page) (i32.const 16384)) (then (call $exit (i32.const 66))))
          (br $again))))))
