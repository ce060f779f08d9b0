;; Declares a table of a hundred million elements from the start.
;; core only: it is refused before its shape matters.
(module
  (memory (export "memory") 1)
  (table 100000000 funcref)
  (func (export "_start")))
