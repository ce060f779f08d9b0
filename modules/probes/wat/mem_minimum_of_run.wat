;; Declares a memory of 128 MiB from the start: less than a module may, more than the run of the test may.
;; core only: its adapter would be the first to be refused memory.
(module
  (memory (export "memory") 2048)
  (func (export "_start")))
