;; Tight loops: what counting fuel costs shows here, and that a runaway guest is stopped.
(module
  (memory (export "memory") 1)

  (func (export "bench:guest/loops@1.0.0#count") (param $n i32) (result i32)
    (local $x i32)
    (loop $again
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))

  (func $fib (export "bench:guest/loops@1.0.0#fib") (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add
        (call $fib (i32.sub (local.get $n) (i32.const 1)))
        (call $fib (i32.sub (local.get $n) (i32.const 2)))))))

  (func (export "bench:guest/loops@1.0.0#sum") (param $n i32) (result i32)
    (local $p i32) (local $x i32)
    (loop $again
      (local.set $p (i32.const 0))
      (loop $byte
        (local.set $x (i32.add (local.get $x) (i32.load (local.get $p))))
        (br_if $byte (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 4))) (i32.const 65536))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
)
