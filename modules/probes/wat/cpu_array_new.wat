;; Makes garbage-collected arrays of 16 MiB with single instructions, and copies one to another, for ever.
;; core only: components of preview 1 modules do not take garbage-collected types.
(module
  (memory (export "memory") 1)
  (type $bytes (array (mut i8)))
  (func (export "_start") (local $a (ref null $bytes)) (local $b (ref null $bytes))
    (loop $again
      (local.set $a (local.get $b))
      (local.set $b (array.new $bytes (i32.const 7) (i32.const 16777216)))
      (if (i32.eqz (ref.is_null (local.get $a)))
        (then (array.copy $bytes $bytes
          (local.get $b) (i32.const 1) (local.get $a) (i32.const 0) (i32.const 16777215))))
      (br $again))))
