;; Fills a memory as large as it can get with single instructions, for ever.
;; core only: the adapter's own memory use would change how far it grows.
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $bytes i32)
    ;; 192 MiB.
    (drop (memory.grow (i32.const 3071)))
    (local.set $bytes (i32.mul (memory.size) (i32.const 65536)))
    (loop $again
      (memory.fill (i32.const 0) (i32.const 255) (local.get $bytes))
      (br $again))))
