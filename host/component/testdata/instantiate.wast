;; What may be given for an import.

(component definition
  (import "f" (func $f (param "x" u32) (result string)))
  (component $c (import "g" (func (param "x" u32) (result string))))
  (instance (instantiate $c (with "g" (func $f)))))
(assert_invalid (component (component $c (import "f" (func))) (instance (instantiate $c))) "missing")
(assert_invalid (component (component $c) (instance $i (instantiate $c (with "a" (component $c)) (with "a" (component $c))))) "twice")
(assert_invalid (component (import "f" (func $f (param "y" u32))) (component $c (import "f" (func (param "x" u32)))) (instance (instantiate $c (with "f" (func $f))))) "name of a parameter")
(assert_invalid (component (import "f" (func $f (param "x" s32))) (component $c (import "f" (func (param "x" u32)))) (instance (instantiate $c (with "f" (func $f))))) "type of a parameter")
(assert_invalid (component (import "f" (func $f (param "x" u32))) (component $c (import "f" (func))) (instance (instantiate $c (with "f" (func $f))))) "number of parameters")
(assert_invalid (component (import "f" (func $f)) (component $c (import "f" (func (result u8)))) (instance (instantiate $c (with "f" (func $f))))) "result")
(assert_invalid (component (import "f" (func $f)) (component $c (import "f" (instance))) (instance (instantiate $c (with "f" (func $f))))) "sort")
(assert_invalid (component (component $d) (component $c (import "f" (func))) (instance (instantiate $c (with "f" (component $d))))) "sort")
(assert_invalid (component (type $t u8) (component $c (type $t u16) (import "t" (type (eq $t)))) (instance (instantiate $c (with "t" (type $t))))) "type")
(assert_invalid (component (type $t (record (field "a" u8))) (component $c (type $t (record (field "b" u8))) (import "t" (type (eq $t)))) (instance (instantiate $c (with "t" (type $t))))) "name of a field")
(assert_invalid (component (type $t (variant (case "a" u8))) (component $c (type $t (variant (case "a"))) (import "t" (type (eq $t)))) (instance (instantiate $c (with "t" (type $t))))) "payload")
(assert_invalid (component (type $t (enum "a" "b")) (component $c (type $t (enum "a")) (import "t" (type (eq $t)))) (instance (instantiate $c (with "t" (type $t))))) "cases")
(assert_invalid (component (type $t (result u8)) (component $c (type $t (result (error u8))) (import "t" (type (eq $t)))) (instance (instantiate $c (with "t" (type $t))))) "result")
(assert_invalid (component (type $t u8) (component $c (import "t" (type (sub resource)))) (instance (instantiate $c (with "t" (type $t))))) "no resource")

;; An instance may export more than is asked for, and not less.
(component definition
  (import "i" (instance $i (export "a" (func)) (export "b" (func))))
  (component $c (import "i" (instance $j (export "a" (func)))))
  (instance (instantiate $c (with "i" (instance $i)))))
(assert_invalid (component
  (import "i" (instance $i (export "a" (func))))
  (component $c (import "i" (instance (export "b" (func)))))
  (instance (instantiate $c (with "i" (instance $i))))) "missing export")
(assert_invalid (component
  (import "i" (instance $i (export "a" (func)) (export "b" (func))))
  (component $c (import "i" (instance $j (export "a" (func)))) (export "i" (instance $j)))
  (instance $k (instantiate $c (with "i" (instance $i))))
  (alias export $k "i" (instance $l))
  (alias export $l "b" (func))) "hidden by the type")

;; Resource types are equal by identity.
(component
  (type $r (resource (rep i32)))
  (component $c (import "a" (type $a (sub resource))) (import "b" (type (eq $a))))
  (instance (instantiate $c (with "a" (type $r)) (with "b" (type $r)))))
(assert_invalid (component
  (type $r (resource (rep i32)))
  (type $q (resource (rep i32)))
  (component $c (import "a" (type $a (sub resource))) (import "b" (type (eq $a))))
  (instance (instantiate $c (with "a" (type $r)) (with "b" (type $q))))) "not the same")
(assert_invalid (component
  (component $c (type $r (resource (rep i32))) (export "r" (type $r)))
  (instance $x (instantiate $c))
  (instance $y (instantiate $c))
  (alias export $x "r" (type $xr))
  (alias export $y "r" (type $yr))
  (component $d (import "a" (type $a (sub resource))) (import "b" (type (eq $a))))
  (instance (instantiate $d (with "a" (type $xr)) (with "b" (type $yr))))) "each instance has its own")
(assert_invalid (component
  (component $c (type $r (resource (rep i32))) (export "r" (type $r)) (export "q" (type $r) (type (sub resource))))
  (instance $x (instantiate $c))
  (alias export $x "r" (type $xr))
  (alias export $x "q" (type $xq))
  (component $d (import "a" (type $a (sub resource))) (import "b" (type (eq $a))))
  (instance (instantiate $d (with "a" (type $xr)) (with "b" (type $xq))))) "hidden by its type")
(component
  (component $c (import "x" (type $x (sub resource))) (export "y" (type $x)))
  (type $r (resource (rep i32)))
  (instance $i (instantiate $c (with "x" (type $r))))
  (alias export $i "y" (type $s))
  (core func (canon resource.rep $s))
  (component $d (import "a" (type $a (sub resource))) (import "f" (func (param "x" (own $a)))) (export "g" (func 0)))
  (core module $m (func (export "f") (param i32)))
  (core instance $n (instantiate $m))
  (func $f (param "x" (own $r)) (canon lift (core func $n "f")))
  (instance (instantiate $d (with "a" (type $s)) (with "f" (func $f)))))
(assert_invalid (component
  (component $c (type $r (resource (rep i32))) (export "r" (type $r)))
  (instance $i (instantiate $c))
  (alias export $i "r" (type $r))
  (core func (canon resource.new $r))) "not local")
(assert_invalid (component (import "r" (type $r (sub resource))) (core func (canon resource.rep $r))) "not local")
(assert_invalid (component (type $t u8) (core func (canon resource.drop $t))) "no resource")

;; Components as arguments.
(component
  (component $a (import "f" (func)))
  (component $c (import "d" (component (import "f" (func)) (import "g" (func)))))
  (instance (instantiate $c (with "d" (component $a)))))
(assert_invalid (component
  (component $a (import "f" (func)))
  (component $c (import "d" (component)))
  (instance (instantiate $c (with "d" (component $a))))) "imports more")
(assert_invalid (component
  (component $a)
  (component $c (import "d" (component (export "f" (func)))))
  (instance (instantiate $c (with "d" (component $a))))) "exports less")
(component
  (component $a (import "r" (type $r (sub resource))) (import "f" (func $f (result (own $r)))) (export "g" (func $f)))
  (component $c (import "d" (component
    (import "r" (type $r (sub resource))) (import "f" (func (result (own $r)))) (export "g" (func (result (own $r)))))))
  (instance (instantiate $c (with "d" (component $a)))))
(assert_invalid (component (component $a) (instance $i (instantiate $a)) (component $c (import "d" (component))) (instance (instantiate $c (with "d" (instance $i))))) "sort")

;; Core modules as arguments.
(component
  (core module $m (import "" "g" (global i32)) (func (export "f")) (func (export "e")))
  (component $c (import "m" (core module (import "" "g" (global i32)) (import "" "h" (func)) (export "f" (func)))))
  (instance (instantiate $c (with "m" (core module $m)))))
(assert_invalid (component (core module $m (import "" "f" (func))) (component $c (import "m" (core module))) (instance (instantiate $c (with "m" (core module $m))))) "imports more")
(assert_invalid (component (core module $m) (component $c (import "m" (core module (export "f" (func))))) (instance (instantiate $c (with "m" (core module $m))))) "exports less")
(assert_invalid (component (core module $m (func (export "f") (param i32))) (component $c (import "m" (core module (export "f" (func))))) (instance (instantiate $c (with "m" (core module $m))))) "type")
(component
  (core module $m (memory (export "m") 2) (table (export "t") 2 3 funcref))
  (component $c (import "m" (core module (export "m" (memory 1)) (export "t" (table 1 4 funcref)))))
  (instance (instantiate $c (with "m" (core module $m)))))

;; Core instances.
(assert_invalid (component (core module $m (import "a" "f" (func))) (core instance (instantiate $m))) "missing argument")
(assert_invalid (component (core module $n) (core module $m (import "a" "f" (func))) (core instance $i (instantiate $n)) (core instance (instantiate $m (with "a" (instance $i))))) "missing item")
(assert_invalid (component (core module $n (func (export "f") (result i32) unreachable)) (core module $m (import "a" "f" (func))) (core instance $i (instantiate $n)) (core instance (instantiate $m (with "a" (instance $i))))) "type of a function")
(assert_invalid (component (core module $n (global (export "f") i32 (i32.const 0))) (core module $m (import "a" "f" (global (mut i32)))) (core instance $i (instantiate $n)) (core instance (instantiate $m (with "a" (instance $i))))) "mutability")
(assert_invalid (component (core module $n (global (export "f") i64 (i64.const 0))) (core module $m (import "a" "f" (global i32))) (core instance $i (instantiate $n)) (core instance (instantiate $m (with "a" (instance $i))))) "type of a global")
(assert_invalid (component (core module $n (memory (export "f") 1)) (core module $m (import "a" "f" (memory 2))) (core instance $i (instantiate $n)) (core instance (instantiate $m (with "a" (instance $i))))) "memory too small")
(assert_invalid (component (core module $n (memory (export "f") 1)) (core module $m (import "a" "f" (memory 1 2))) (core instance $i (instantiate $n)) (core instance (instantiate $m (with "a" (instance $i))))) "memory without maximum")
(assert_invalid (component (core module $n (table (export "f") 1 externref)) (core module $m (import "a" "f" (table 1 funcref))) (core instance $i (instantiate $n)) (core instance (instantiate $m (with "a" (instance $i))))) "elements of a table")
(assert_invalid (component (core module $n (func (export "f"))) (core module $m (import "a" "f" (memory 1))) (core instance $i (instantiate $n)) (core instance (instantiate $m (with "a" (instance $i))))) "sort")
(assert_invalid (component (core module $m) (core instance $i (instantiate $m)) (core instance (instantiate $m (with "a" (instance $i)) (with "a" (instance $i))))) "twice")
(assert_invalid (component (core module $m (func (export "f"))) (core instance $i (instantiate $m)) (core instance (export "a" (func $i "f")) (export "a" (func $i "f")))) "twice")
(assert_invalid (component (core module $m) (core instance $i (instantiate $m)) (alias core export $i "f" (core func))) "no such export")
(assert_invalid (component (core module $m (func (export "f"))) (core instance $i (instantiate $m)) (alias core export $i "f" (core memory))) "sort of an export")
(assert_invalid (component (core instance (instantiate 0))) "unknown module")
(assert_invalid (component (core instance (export "a" (func 0)))) "unknown function")
(assert_invalid (component (instance (instantiate 0))) "unknown component")
(assert_invalid (component (instance (export "a" (func 0)))) "unknown function")
(assert_invalid (component (instance $i) (alias export $i "a" (func))) "no such export")
(assert_invalid (component (import "i" (instance $i (export "a" (func)))) (alias export $i "a" (instance))) "sort of an export")
(assert_invalid (component (export "a" (component 0))) "unknown component")

;; Ascribed types of exports.
(component definition (import "f" (func $f)) (export "f" (func $f) (func)))
(assert_invalid (component (import "f" (func $f)) (export "f" (func $f) (func (result u8)))) "type")
(assert_invalid (component (import "f" (func $f)) (export "f" (func $f) (instance))) "sort")
(assert_invalid (component
  (import "i" (instance $i (export "a" (func)) (export "b" (func))))
  (export $j "i" (instance $i) (instance (export "a" (func))))
  (alias export $j "b" (func))) "hidden by its type")

;; Canonical definitions.
(assert_invalid (component (core module $m (func (export "f"))) (core instance $i (instantiate $m)) (func (result u8) (canon lift (core func $i "f")))) "core type")
(assert_invalid (component (core module $m (func (export "f") (param i32 i32))) (core instance $i (instantiate $m)) (func (param "s" string) (canon lift (core func $i "f")))) "needs memory")
(assert_invalid (component (core module $m (memory (export "m") 1) (func (export "f") (param i32 i32))) (core instance $i (instantiate $m)) (func (param "s" string) (canon lift (core func $i "f") (memory (core memory $i "m"))))) "needs realloc")
(assert_invalid (component (core module $m (memory (export "m") 1) (func (export "f") (param i32 i32))) (core instance $i (instantiate $m)) (func (param "s" string) (canon lift (core func $i "f") (memory (core memory $i "m")) (realloc (core func $i "f"))))) "type of realloc")
(assert_invalid (component (core module $m (func (export "f") (result i32) unreachable) (func (export "p"))) (core instance $i (instantiate $m)) (func (result u8) (canon lift (core func $i "f") (post-return (core func $i "p"))))) "type of post-return")
(assert_invalid (component (core module $m (func (export "f"))) (core instance $i (instantiate $m)) (func (canon lift (core func $i "f") string-encoding=utf8 string-encoding=utf16))) "twice")
(assert_invalid (component (import "f" (func $f)) (core module $m (func (export "p"))) (core instance $i (instantiate $m)) (core func (canon lower (func $f) (post-return (core func $i "p"))))) "post-return of a lower")
(assert_invalid (component (import "f" (func $f (result (tuple u8 u8)))) (core func (canon lower (func $f)))) "needs memory")
(assert_invalid (component (import "f" (func $f (result string))) (core module $m (memory (export "m") 1)) (core instance $i (instantiate $m)) (core func (canon lower (func $f) (memory (core memory $i "m"))))) "needs realloc")
(component definition (import "f" (func $f (param "s" string))) (core module $m (memory (export "m") 1)) (core instance $i (instantiate $m)) (core func (canon lower (func $f) (memory (core memory $i "m")))))
(assert_invalid (component (core module $m (func (export "f") (param i64))) (core instance $i (instantiate $m)) (type (resource (rep i32) (dtor (core func $i "f"))))) "type of a destructor")
(assert_invalid (component (type (resource (rep i32) (dtor (core func 3))))) "unknown function")

;; What belongs to WASI 0.3 is refused, and said to be that.
(assert_invalid (component (canon task.cancel (core func))) "0.3")
(assert_invalid (component (type $s (stream u8)) (canon stream.new $s (core func))) "0.3")
