;; The same logic as canonical.wat, for Extism. Payloads cross its kernel eight bytes at a time, as its plugin kits do it.
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input_load (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/user" "tick" (func $tick (param i64) (result i64)))
  (memory (export "memory") 1)

  (func $read (param $n i64) ;; the input to 4096
    (local $i i64)
    (loop $again
      (i64.store (i32.add (i32.const 4096) (i32.wrap_i64 (local.get $i))) (call $input_load (local.get $i)))
      (local.set $i (i64.add (local.get $i) (i64.const 8)))
      (br_if $again (i64.lt_u (local.get $i) (local.get $n)))))

  (func $write (param $from i32) (param $n i64) (result i64) ;; memory to a new block
    (local $i i64) (local $block i64)
    (local.set $block (call $alloc (local.get $n)))
    (loop $again
      (call $store (i64.add (local.get $block) (local.get $i)) (i64.load (i32.add (local.get $from) (i32.wrap_i64 (local.get $i)))))
      (local.set $i (i64.add (local.get $i) (i64.const 8)))
      (br_if $again (i64.lt_u (local.get $i) (local.get $n))))
    (local.get $block))

  (func (export "work") (result i32)
    (local $n i64)
    (local.set $n (call $input_length))
    (call $read (local.get $n))
    (i64.store (i32.const 16) (call $tick (call $write (i32.const 4096) (local.get $n))))
    (call $output_set (call $write (i32.const 16) (i64.const 8)) (i64.const 4))
    (i32.const 0))

  (func (export "echo") (result i32)
    (local $n i64)
    (local.set $n (call $input_length))
    (call $read (local.get $n))
    (memory.copy (i32.const 32768) (i32.const 4096) (i32.wrap_i64 (local.get $n)))
    (call $output_set (call $write (i32.const 32768) (local.get $n)) (local.get $n))
    (i32.const 0))
)
