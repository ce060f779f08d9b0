;; Keeps every exception it ever caught, in a table that grows.
;; core only: components of preview 1 modules do not take references to exceptions.
(module
  (memory (export "memory") 1)
  (tag $e (param i64 i64 i64 i64))
  (table $kept 1 exnref)
  (func (export "_start")
    (loop $again
      (if (i32.eq
            (table.grow $kept
              (block $caught (result exnref)
                (try_table (catch_all_ref $caught)
                  (throw $e (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))
                (unreachable))
              (i32.const 1))
            (i32.const -1))
        (then (unreachable)))
      (br $again))))
