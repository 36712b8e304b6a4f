;; Calls a key-value store many times from one call, so that only the way to the provider is measured.
(module
  (import "wasi:keyvalue/store@0.2.0-draft2" "open" (func $open (param i32 i32 i32)))
  (import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.get" (func $get (param i32 i32 i32 i32)))
  (import "wasi:keyvalue/store@0.2.0-draft2" "[resource-drop]bucket" (func $drop (param i32)))
  (import "wasi:keyvalue/atomics@0.2.0-draft2" "increment" (func $increment (param i32 i32 i32 i64 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "bench")
  (data (i32.const 8) "visits")
  (global $heap (mut i32) (i32.const 4096))

  (func (export "cabi_realloc") (param $old i32) (param $oldsize i32) (param $align i32) (param $size i32) (result i32)
    (local $p i32)
    (local.set $p (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $p) (local.get $size)))
    (if (i32.gt_u (global.get $heap) (i32.const 65536)) (then (unreachable)))
    (local.get $p))

  (func $bucket (result i32) ;; result<own<bucket>, error> at 32: the case, and at 36 the handle
    (call $open (i32.const 0) (i32.const 5) (i32.const 32))
    (if (i32.load8_u (i32.const 32)) (then (unreachable)))
    (i32.load (i32.const 36)))

  (func (export "bench:guest/visits@1.0.0#increment") (param $n i32) (result i64)
    (local $b i32)
    (local.set $b (call $bucket))
    (loop $again ;; result<s64, error> at 32: the case, and at 40 the number
      (call $increment (local.get $b) (i32.const 8) (i32.const 6) (i64.const 1) (i32.const 32))
      (if (i32.load8_u (i32.const 32)) (then (unreachable)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (call $drop (local.get $b))
    (i64.load (i32.const 40)))

  (func (export "bench:guest/visits@1.0.0#get") (param $n i32) (result i32)
    (local $b i32)
    (local.set $b (call $bucket))
    (loop $again ;; result<option<list<u8>>, error> at 32: case, some at 36, pointer at 40, length at 44
      (global.set $heap (i32.const 4096))
      (call $get (local.get $b) (i32.const 8) (i32.const 6) (i32.const 32))
      (if (i32.load8_u (i32.const 32)) (then (unreachable)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (call $drop (local.get $b))
    (i32.load (i32.const 44)))

  (func (export "bench:guest/visits@1.0.0#nothing") (param $n i32) (result i32)
    (loop $again
      (i32.store (i32.const 32) (local.get $n))
      (if (i32.eqz (i32.load (i32.const 32))) (then (unreachable)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 32)))
)
