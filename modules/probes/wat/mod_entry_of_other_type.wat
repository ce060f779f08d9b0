;; Has an entry point that wants arguments.
;; core only: it is refused.
(module
  (memory (export "memory") 1)
  (func (export "_start") (param i32 i32) (result i32) (i32.const 0)))
