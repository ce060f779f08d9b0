;; Waits by poll for a standard input that never comes.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    ;; tag 1: a descriptor to read from; descriptor 0.
    (i32.store8 (i32.const 8) (i32.const 1))
    (loop $again
      (drop (call $poll (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 2048)))
      (br $again))))
