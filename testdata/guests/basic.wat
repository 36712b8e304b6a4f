;; A well-behaved guest: interface calls of guests.wit. Its allocator bumps a pointer, and post-return resets it.
(module
  (import "test:guest/host@1.0.0" "tick" (func $tick (param i32 i32) (result i32)))
  (import "test:guest/host@1.0.0" "greeting" (func $greeting (param i32 i32 i32)))
  (import "test:guest/host@1.0.0" "odd" (func $odd (param i32)))
  (import "test:guest/host@1.0.0" "[constructor]counter" (func $counter (param i32) (result i32)))
  (import "test:guest/host@1.0.0" "[method]counter.next" (func $next (param i32) (result i32)))
  (import "test:guest/host@1.0.0" "[resource-drop]counter" (func $drop (param i32)))

  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 4096))
  (global $kept (mut i32) (i32.const 0))

  (func $realloc (export "cabi_realloc") (param $old i32) (param $oldsize i32) (param $align i32) (param $size i32) (result i32)
    (local $p i32) (local $end i32)
    (local.set $p (i32.and
      (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (local.set $end (i32.add (local.get $p) (local.get $size)))
    (global.set $heap (local.get $end))
    (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536)))
      (then
        (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1)
              (i32.shr_u (i32.sub (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (i32.const 16)))))
          (then (unreachable)))))
    (local.get $p))
  (func $reset (global.set $heap (i32.const 4096)))

  (func (export "test:guest/calls@1.0.0#work") (param i32 i32) (result i32)
    (call $tick (local.get 0) (local.get 1))
    (call $reset))

  (func (export "test:guest/calls@1.0.0#greet") (param i32 i32) (result i32)
    (call $greeting (local.get 0) (local.get 1) (i32.const 16))
    (i32.const 16))
  (func (export "cabi_post_test:guest/calls@1.0.0#greet") (param i32) (call $reset))

  (func (export "test:guest/calls@1.0.0#trip") (param i32) (result i32) (local.get 0))
  (func (export "cabi_post_test:guest/calls@1.0.0#trip") (param i32) (call $reset))

  (func (export "test:guest/calls@1.0.0#blob") (param i32 i32) (result i32)
    (i32.store (i32.const 16) (local.get 0))
    (i32.store (i32.const 20) (local.get 1))
    (i32.const 16))
  (func (export "cabi_post_test:guest/calls@1.0.0#blob") (param i32) (call $reset))

  (func (export "test:guest/calls@1.0.0#count") (param $c i32) (param $times i32) (result i32)
    (local $v i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $times)))
        (local.set $v (call $next (local.get $c)))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $again)))
    (call $drop (local.get $c))
    (local.get $v))

  (func (export "test:guest/calls@1.0.0#make") (param $start i32) (result i32)
    (local $c i32)
    (local.set $c (call $counter (local.get $start)))
    (call $next (local.get $c))
    (call $drop (local.get $c)))

  (func (export "test:guest/calls@1.0.0#keep") (param i32) (global.set $kept (local.get 0)))
  (func (export "test:guest/calls@1.0.0#kept") (result i32) (call $next (global.get $kept)))
  (func (export "test:guest/calls@1.0.0#drop-kept") (call $drop (global.get $kept)))
  (func (export "test:guest/calls@1.0.0#give") (result i32) (global.get $kept))

  (func (export "test:guest/calls@1.0.0#ask") (result i32)
    (call $odd (i32.const 16))
    (i32.const 16))
  (func (export "cabi_post_test:guest/calls@1.0.0#ask") (param i32) (call $reset))
)
