;; A guest that grows its table as far as it may.
(module
  (table $t 1 funcref)
  (func (export "test:guest/hostile@1.0.0#exhaust") (result i32)
    (local $step i32)
    (local.set $step (i32.const 0x1000000))
    (loop $more
      (if (i32.eq (i32.const -1) (table.grow $t (ref.null func) (local.get $step)))
        (then (local.set $step (i32.shr_u (local.get $step) (i32.const 1)))))
      (br_if $more (local.get $step)))
    (table.size $t)))
