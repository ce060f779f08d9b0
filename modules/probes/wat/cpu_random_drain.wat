;; Asks for 64 MiB of random bytes in one call. Gets through (66) when they come.
;; core only: a component's adapter asks in pieces.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1025)
  (func (export "_start")
    (if (i32.eqz (call $random (i32.const 0) (i32.const 67108864)))
      (then (call $exit (i32.const 66))))))
