;; Fills and copies a table of a million elements with single instructions, for ever.
(module
  (memory (export "memory") 1)
  (table $t 1 1048576 funcref)
  (elem declare func $f)
  (func $f)
  (func (export "_start")
    (drop (table.grow $t (ref.func $f) (i32.const 1048575)))
    (loop $again
      (table.fill $t (i32.const 0) (ref.func $f) (table.size $t))
      (table.copy $t $t (i32.const 1) (i32.const 0) (i32.sub (table.size $t) (i32.const 1)))
      (br $again))))
