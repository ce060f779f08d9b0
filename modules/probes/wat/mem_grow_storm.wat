;; Asks for more memory than there is, for ever.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again (drop (memory.grow (i32.const 65535))) (br $again))))
