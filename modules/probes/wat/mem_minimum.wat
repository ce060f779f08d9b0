;; Declares a memory of 4 GiB from the start.
;; core only: it is refused before its shape matters.
(module
  (memory (export "memory") 65536)
  (func (export "_start")))
