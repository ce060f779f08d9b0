;; Traps at once; the test starts many of it.
(module
  (memory (export "memory") 1)
  (func (export "_start") (unreachable)))
