;; The same logic as wapc.wat and extism.wat, for the Canonical ABI: raw wazero and the engine run this one.
(module
  (import "bench:guest/host@1.0.0" "tick" (func $tick (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $heap (mut i32) (i32.const 4096))

  (func (export "cabi_realloc") (param $old i32) (param $oldsize i32) (param $align i32) (param $size i32) (result i32)
    (local $p i32)
    (local.set $p (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $p) (local.get $size)))
    (if (i32.gt_u (global.get $heap) (i32.const 32768)) (then (unreachable)))
    (local.get $p))
  (func $reset (global.set $heap (i32.const 4096)))

  (func (export "bench:guest/calls@1.0.0#work") (param i32 i32) (result i32)
    (call $tick (local.get 0) (local.get 1))
    (call $reset))

  (func (export "bench:guest/calls@1.0.0#echo") (param i32 i32) (result i32)
    (memory.copy (i32.const 32768) (local.get 0) (local.get 1))
    (i32.store (i32.const 16) (i32.const 32768))
    (i32.store (i32.const 20) (local.get 1))
    (i32.const 16))
  (func (export "cabi_post_bench:guest/calls@1.0.0#echo") (param i32) (call $reset))
)
