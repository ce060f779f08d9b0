;; Imports a call of WASI with another type than it has.
;; core only: it is refused.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param f64) (result i64)))
  (memory (export "memory") 1)
  (func (export "_start")))
