;; Writes with half a million vectors in one call, for ever: each names the same 64 KiB.
;; core only: the adapter takes the first vector only.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 65)
  (func (export "_start") (local $at i32)
    (local.set $at (i32.const 65536))
    (loop $vectors
      (i32.store (local.get $at) (i32.const 0))
      (i32.store offset=4 (local.get $at) (i32.const 65536))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $vectors (i32.lt_u (local.get $at) (i32.const 4194304))))
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 65536) (i32.const 516096) (i32.const 4194304)))
      (br $again))))
