;; Two functions that end in a call of each other: endless without a loop and without a growing stack.
(module
  (memory (export "memory") 1)
  (func $ping (return_call $pong))
  (func $pong (return_call $ping))
  (func (export "_start") (return_call $ping)))
