;; Writes as far behind its memory as an instruction can reach: 8 GiB.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (i64.store offset=0xffffffff (i32.const 0xffffffff) (i64.const 0x6667686970717273))))
