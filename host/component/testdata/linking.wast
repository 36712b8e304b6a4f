;; A component with a core module of its own.
(component
  (core module $M
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
  (core instance $m (instantiate $M))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $m "add"))))
(assert_return (invoke "add" (u32.const 2) (u32.const 40)) (u32.const 42))

;; One component calls another one: strings change memories.
(component
  (component $Greeter
    (core module $M
      (memory (export "mem") 1)
      (global $next (mut i32) (i32.const 64))
      (data (i32.const 16) "hello, ")
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $p i32)
        (local.set $p (global.get $next))
        (global.set $next (i32.add (local.get $p) (local.get 3)))
        (local.get $p))
      (func (export "greet") (param $p i32) (param $n i32) (result i32)
        (memory.copy (i32.const 23) (local.get $p) (local.get $n))
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.add (i32.const 7) (local.get $n)))
        (i32.const 0))
      (global $freed (mut i32) (i32.const 0))
      (func (export "post") (param i32) (global.set $freed (i32.add (global.get $freed) (i32.const 1))))
      (func (export "freed") (result i32) (global.get $freed)))
    (core instance $m (instantiate $M))
    (func (export "greet") (param "name" string) (result string)
      (canon lift (core func $m "greet") (memory (core memory $m "mem")) (realloc (core func $m "realloc")) (post-return (core func $m "post"))))
    (func (export "freed") (result u32) (canon lift (core func $m "freed"))))
  (component $Caller
    (import "greet" (func $greet (param "name" string) (result string)))
    (core module $Libc
      (memory (export "mem") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
    (core instance $libc (instantiate $Libc))
    (core func $greet' (canon lower (func $greet) (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core module $M
      (import "libc" "mem" (memory 1))
      (import "" "greet" (func $greet (param i32 i32 i32)))
      (data (i32.const 256) "world")
      (func (export "run") (result i32)
        (call $greet (i32.const 256) (i32.const 5) (i32.const 8))
        (i32.const 8)))
    (core instance $m (instantiate $M (with "libc" (instance $libc)) (with "" (instance (export "greet" (func $greet'))))))
    (func (export "run") (result string) (canon lift (core func $m "run") (memory (core memory $libc "mem")))))
  (instance $g (instantiate $Greeter))
  (instance $c (instantiate $Caller (with "greet" (func $g "greet"))))
  (func (export "run") (alias export $c "run"))
  (func (export "freed") (alias export $g "freed"))
  (func (export "greet") (alias export $g "greet")))
(assert_return (invoke "run") (str.const "hello, world"))
(assert_return (invoke "freed") (u32.const 1))
(assert_return (invoke "greet" (str.const "héllo")) (str.const "hello, héllo"))
