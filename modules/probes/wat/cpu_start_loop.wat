;; Loops in its start function, before there is an entry point to call.
;; core only: a component calls the start functions of its parts in an order of its own.
(module
  (memory (export "memory") 1)
  (func $start (loop $again (br $again)))
  (start $start)
  (func (export "_start")))
