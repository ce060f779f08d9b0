;; Declares a memory with 64-bit addresses of 256 TiB from the start.
;; core only: it is refused before its shape matters.
(module
  (memory (export "memory") i64 0x100000000)
  (func (export "_start")))
