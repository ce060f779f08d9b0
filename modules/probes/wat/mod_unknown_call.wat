;; Imports a call that WASI never had.
;; core only: it is refused.
(module
  (import "wasi_snapshot_preview1" "proc_spawn" (func (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
