;; Fills a garbage-collected array of 16 MiB with single instructions, for ever.
;; core only: components of preview 1 modules do not take garbage-collected types.
(module
  (memory (export "memory") 1)
  (type $bytes (array (mut i8)))
  (func (export "_start") (local $a (ref null $bytes))
    (local.set $a (array.new $bytes (i32.const 1) (i32.const 16777216)))
    (loop $again
      (array.fill $bytes (local.get $a) (i32.const 0) (i32.const 7) (i32.const 16777216))
      (br $again))))
