;; Throws and catches for ever: each exception is an object that somebody has to collect.
(module
  (memory (export "memory") 1)
  (tag $e (param i64))
  (func $throw (param i64) (throw $e (local.get 0)))
  (func (export "_start") (local $n i64)
    (loop $again
      (block $caught (result i64)
        (try_table (catch $e $caught) (call $throw (local.get $n)))
        (unreachable))
      (local.set $n (i64.add (i64.const 1)))
      (br $again))))
