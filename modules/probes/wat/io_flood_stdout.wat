;; Writes lines to standard output for ever.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start") (local $at i32)
    ;; 32 KiB in lines of 64 bytes.
    (memory.fill (i32.const 1024) (i32.const 120) (i32.const 32768))
    (loop $lines
      (i32.store8 offset=1087 (local.get $at) (i32.const 10))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br_if $lines (i32.lt_u (local.get $at) (i32.const 32768))))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 32768))
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (br $again))))
