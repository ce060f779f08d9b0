;; Asks for one garbage-collected array of 2 GiB.
;; core only: components of preview 1 modules do not take garbage-collected types.
(module
  (memory (export "memory") 1)
  (type $longs (array (mut i64)))
  (func (export "_start")
    (drop (array.new $longs (i64.const 1) (i32.const 268435456)))))
