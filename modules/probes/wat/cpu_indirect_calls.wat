;; Calls through a table for ever.
(module
  (memory (export "memory") 1)
  (table 2 funcref)
  (elem (i32.const 0) $odd $even)
  (type $step (func (param i32) (result i32)))
  (func $odd (type $step) (i32.add (local.get 0) (i32.const 1)))
  (func $even (type $step) (i32.mul (local.get 0) (i32.const 3)))
  (func (export "_start") (local $n i32)
    (loop $again
      (local.set $n
        (call_indirect (type $step) (local.get $n) (i32.and (local.get $n) (i32.const 1))))
      (br $again))))
