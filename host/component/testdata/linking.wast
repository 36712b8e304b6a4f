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

;; Strings change encoding between components: UTF-16 to Latin-1 and back to UTF-8.
(component
  (core module $Libc
    (memory (export "mem") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $p i32)
      (local.set $p (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $p) (local.get 3)))
      (local.get $p)))
  (component $Inner
    (import "libc" (core module $Libc
      (export "mem" (memory 1))
      (export "realloc" (func (param i32 i32 i32 i32) (result i32)))))
    (core instance $libc (instantiate $Libc))
    (core module $M
      (import "libc" "mem" (memory 1))
      (func (export "f") (param i32 i32) (result i32)
        (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0))
      (func (export "size") (param i32 i32) (result i32) (local.get 1)))
    (core instance $m (instantiate $M (with "libc" (instance $libc))))
    (func (export "f") (param "s" string) (result string)
      (canon lift (core func $m "f") string-encoding=latin1+utf16 (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (func (export "size") (param "s" string) (result u32)
      (canon lift (core func $m "size") string-encoding=latin1+utf16 (memory (core memory $libc "mem")) (realloc (core func $libc "realloc")))))
  (instance $i (instantiate $Inner (with "libc" (core module $Libc))))
  (core instance $libc (instantiate $Libc))
  (core func $f (canon lower (func $i "f") string-encoding=utf16 (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
  (core module $M
    (import "libc" "mem" (memory 1))
    (import "" "f" (func $f (param i32 i32 i32)))
    (func (export "f") (param i32 i32) (result i32) (call $f (local.get 0) (local.get 1) (i32.const 16)) (i32.const 16)))
  (core instance $m (instantiate $M (with "libc" (instance $libc)) (with "" (instance (export "f" (func $f))))))
  (func (export "f") (param "s" string) (result string)
    (canon lift (core func $m "f") string-encoding=utf16 (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
  (func (export "size") (alias export $i "size")))
(assert_return (invoke "f" (str.const "grün")) (str.const "grün"))
(assert_return (invoke "f" (str.const "☃ grün 🍰")) (str.const "☃ grün 🍰"))
(assert_return (invoke "size" (str.const "grün")) (u32.const 4))
(assert_return (invoke "size" (str.const "☃")) (u32.const 2147483649))

;; Each instance has its own state; a shared core instance is shared.
(component
  (component $Counter
    (core module $M
      (global $n (mut i32) (i32.const 0))
      (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))
    (core instance $m (instantiate $M))
    (func (export "next") (result u32) (canon lift (core func $m "next"))))
  (instance $a (instantiate $Counter))
  (instance $b (instantiate $Counter))
  (func (export "a") (alias export $a "next"))
  (func (export "b") (alias export $b "next")))
(assert_return (invoke "a") (u32.const 1))
(assert_return (invoke "a") (u32.const 2))
(assert_return (invoke "b") (u32.const 1))

;; Start functions run in order; shim and fix-up modules share a table.
(component
  (component $Host (core module $M (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))) (core instance $m (instantiate $M))
    (func (export "f") (param "x" u32) (result u32) (canon lift (core func $m "f"))))
  (instance $h (instantiate $Host))
  (core module $Shim
    (type $t (func (param i32) (result i32)))
    (table (export "$imports") 1 1 funcref)
    (func (export "0") (param i32) (result i32) (call_indirect (type $t) (local.get 0) (i32.const 0))))
  (core module $Main
    (import "env" "f" (func $f (param i32) (result i32)))
    (memory (export "mem") 1)
    (func (export "run") (param i32) (result i32) (call $f (call $f (local.get 0)))))
  (core module $Fixup
    (import "" "0" (func (param i32) (result i32)))
    (import "" "$imports" (table 1 1 funcref))
    (elem (i32.const 0) func 0))
  (core instance $shim (instantiate $Shim))
  (core instance $main (instantiate $Main (with "env" (instance (export "f" (func $shim "0"))))))
  (core func $f (canon lower (func $h "f")))
  (core instance $fix (instantiate $Fixup (with "" (instance (export "0" (func $f)) (export "$imports" (table $shim "$imports"))))))
  (func (export "run") (param "x" u32) (result u32) (canon lift (core func $main "run"))))
(assert_return (invoke "run" (u32.const 40)) (u32.const 42))

;; A function may be entered again by way of another instance.
(component
  (core module $Table
    (type $t (func (param i32) (result i32)))
    (table (export "t") 1 1 funcref)
    (func (export "f") (param i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0))
        (then (i32.const 100))
        (else (i32.add (call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)) (i32.const 1))))))
  (core instance $table (instantiate $Table))
  (func $f (export "f") (param "n" u32) (result u32) (canon lift (core func $table "f")))
  (component $B
    (import "f" (func $f (param "n" u32) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M (import "" "f" (func $f (param i32) (result i32))) (func (export "g") (param i32) (result i32) (call $f (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance (export "f" (func $f'))))))
    (func (export "g") (param "n" u32) (result u32) (canon lift (core func $m "g"))))
  (instance $b (instantiate $B (with "f" (func $f))))
  (core func $g (canon lower (func $b "g")))
  (core module $Fix (import "" "g" (func $g (param i32) (result i32))) (import "" "t" (table 1 1 funcref)) (elem (i32.const 0) func $g))
  (core instance (instantiate $Fix (with "" (instance (export "g" (func $g)) (export "t" (table $table "t")))))))
(assert_return (invoke "f" (u32.const 3)) (u32.const 103))
(assert_trap (invoke "f" (u32.const 1000000)) "nested too deep")
(assert_return (invoke "f" (u32.const 1)) (u32.const 101))

;; A trap in one component ends the whole instance; the next call gets a new one.
(component
  (component $A
    (core module $M
      (global $n (mut i32) (i32.const 0))
      (func (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
      (func (export "fail") unreachable))
    (core instance $m (instantiate $M))
    (func (export "count") (result u32) (canon lift (core func $m "count")))
    (func (export "fail") (canon lift (core func $m "fail"))))
  (instance $a (instantiate $A))
  (core func $fail (canon lower (func $a "fail")))
  (core module $M (import "" "fail" (func $fail)) (func (export "run") (call $fail)))
  (core instance $m (instantiate $M (with "" (instance (export "fail" (func $fail))))))
  (func (export "run") (canon lift (core func $m "run")))
  (func (export "count") (alias export $a "count")))
(assert_return (invoke "count") (u32.const 1))
(assert_return (invoke "count") (u32.const 2))
(assert_trap (invoke "run") "unreachable")
(assert_return (invoke "count") (u32.const 1))

;; Components that are imported, chosen by whoever instantiates.
(component
  (component $Wrap
    (import "c" (component $C (import "step" (func (result u32))) (export "next" (func (result u32)))))
    (import "step" (func $step (result u32)))
    (instance $i (instantiate $C (with "step" (func $step))))
    (export "next" (func $i "next")))
  (component $Counter
    (import "step" (func $step (result u32)))
    (core func $step' (canon lower (func $step)))
    (core module $M
      (import "" "step" (func $step (result i32)))
      (global $n (mut i32) (i32.const 0))
      (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (call $step))) (global.get $n)))
    (core instance $m (instantiate $M (with "" (instance (export "step" (func $step'))))))
    (func (export "next") (result u32) (canon lift (core func $m "next"))))
  (component $Ten (core module $M (func (export "f") (result i32) (i32.const 10))) (core instance $m (instantiate $M)) (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (instance $ten (instantiate $Ten))
  (instance $w (instantiate $Wrap (with "c" (component $Counter)) (with "step" (func $ten "f"))))
  (func (export "next") (alias export $w "next")))
(assert_return (invoke "next") (u32.const 10))
(assert_return (invoke "next") (u32.const 20))

;; A host function of the component's own is lifted again, with all its types.
(component definition (import "wasi:cli/environment@0.2.0" (instance $e (export "get-arguments" (func (result (list string)))))) (export "env" (instance $e)))

;; A component that passes a string on and its answer back, and keeps no memory of it (for benchmarks).
(component
  (core module $Libc
    (memory (export "mem") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (component $Inner
    (import "libc" (core module $Libc (export "mem" (memory 1)) (export "realloc" (func (param i32 i32 i32 i32) (result i32)))))
    (core instance $libc (instantiate $Libc))
    (core module $M
      (import "libc" "mem" (memory 1))
      (func (export "echo") (param i32 i32) (result i32)
        (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0)))
    (core instance $m (instantiate $M (with "libc" (instance $libc))))
    (func (export "echo") (param "s" string) (result string)
      (canon lift (core func $m "echo") (memory (core memory $libc "mem")) (realloc (core func $libc "realloc")))))
  (instance $i (instantiate $Inner (with "libc" (core module $Libc))))
  (core instance $libc (instantiate $Libc))
  (core func $echo (canon lower (func $i "echo") (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
  (core module $M
    (import "" "echo" (func $echo (param i32 i32 i32)))
    (func (export "echo") (param i32 i32) (result i32) (call $echo (local.get 0) (local.get 1) (i32.const 16)) (i32.const 16)))
  (core instance $m (instantiate $M (with "" (instance (export "echo" (func $echo))))))
  (func (export "echo") (param "s" string) (result string)
    (canon lift (core func $m "echo") (memory (core memory $libc "mem")) (realloc (core func $libc "realloc")))))
(assert_return (invoke "echo" (str.const "hi")) (str.const "hi"))
