;; Makes objects and forgets them, for ever.
;; core only: components of preview 1 modules do not take garbage-collected types.
(module
  (memory (export "memory") 1)
  (type $pair (struct (field (mut i64)) (field (mut i64))))
  (func (export "_start") (local $last (ref null $pair))
    (loop $again
      (local.set $last (struct.new $pair (i64.const 1) (i64.const 2)))
      (br $again))))
