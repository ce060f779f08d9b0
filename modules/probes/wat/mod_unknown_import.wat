;; Imports a function that no host of WebAssembly should have.
;; core only: it is refused.
(module
  (import "env" "system" (func (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")))
