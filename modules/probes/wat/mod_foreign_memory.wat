;; Wants its memory from somebody else.
;; core only: it is refused.
(module
  (import "env" "memory" (memory 1))
  (func (export "_start")))
