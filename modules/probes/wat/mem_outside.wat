;; Reads just behind its memory.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (i32.load (i32.mul (memory.size) (i32.const 65536))))))
