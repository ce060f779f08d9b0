;; Copies one half of a large memory over the other with single instructions, for ever.
;; core only: the adapter's own memory use would change how far it grows.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $half i32)
    (drop (memory.grow (i32.const 3071)))
    (local.set $half (i32.mul (memory.size) (i32.const 32768)))
    (loop $again
      ;; Overlapping by all but a byte, so that it goes backwards.
      (memory.copy (i32.const 1) (i32.const 0) (i32.sub (i32.mul (local.get $half) (i32.const 2)) (i32.const 1)))
      (memory.copy (i32.const 0) (local.get $half) (local.get $half))
      (br $again))))
