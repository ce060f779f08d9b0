;; Traps in its start function.
;; core only: a component calls the start functions of its parts in an order of its own.
(module
  (memory (export "memory") 1)
  (func $start (unreachable))
  (start $start)
  (func (export "_start")))
