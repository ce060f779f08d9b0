;; Asks for the clocks of the process and raises a signal. Gets through (66) when the host answers for its own process.
;; core only: WASI 0.2 has neither.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $refused (param i32) (if (i32.eqz (local.get 0)) (then (call $exit (i32.const 66)))))
  (func (export "_start")
    ;; CPU time of the process and of the thread.
    (call $refused (call $time (i32.const 2) (i64.const 0) (i32.const 0)))
    (call $refused (call $time (i32.const 3) (i64.const 0) (i32.const 0)))
    (call $refused (call $resolution (i32.const 2) (i32.const 0)))
    ;; SIGKILL.
    (call $refused (call $raise (i32.const 9)))))
