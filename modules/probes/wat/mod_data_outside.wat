;; Has data that belongs far outside its memory.
;; core only: its adapter would be started first.
(module
  (memory (export "memory") 1)
  (data (i32.const 0x7fff0000) "outside")
  (func (export "_start")))
