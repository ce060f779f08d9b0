;; Keeps a list of garbage-collected objects that grows without end.
;; core only: components of preview 1 modules do not take garbage-collected types.
(module
  (memory (export "memory") 1)
  (type $node (struct (field (ref null $node)) (field i64) (field i64) (field i64)))
  (func (export "_start") (local $list (ref null $node))
    (loop $again
      (local.set $list (struct.new $node (local.get $list) (i64.const 1) (i64.const 2) (i64.const 3)))
      (br $again))))
