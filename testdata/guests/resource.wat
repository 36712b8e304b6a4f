;; A guest that defines a resource: interface things of guests.wit. The representation is a number; the destructor counts.
(module
  (import "[export]test:guest/things@1.0.0" "[resource-new]thing" (func $new (param i32) (result i32)))
  (import "[export]test:guest/things@1.0.0" "[resource-rep]thing" (func $rep (param i32) (result i32)))
  (import "[export]test:guest/things@1.0.0" "[resource-drop]thing" (func $drop (param i32)))
  (global $dropped (mut i32) (i32.const 0))
  (global $deep (mut i32) (i32.const 0))

  (func (export "test:guest/things@1.0.0#[constructor]thing") (param i32) (result i32) (call $new (local.get 0)))
  (func (export "test:guest/things@1.0.0#round") (param i32) (result i32)
    (local $h i32)
    (local.set $h (call $new (local.get 0)))
    (call $rep (local.get $h))
    (call $drop (local.get $h)))
  (func (export "test:guest/things@1.0.0#dropped") (result i32) (global.get $dropped))
  (func (export "test:guest/things@1.0.0#nest")
    (global.set $deep (i32.const 1))
    (call $drop (call $new (i32.const 1))))
  ;; told to nest, each destructor makes and drops another one
  (func (export "test:guest/things@1.0.0#[dtor]thing") (param i32)
    (global.set $dropped (i32.add (global.get $dropped) (local.get 0)))
    (if (global.get $deep) (then (call $drop (call $new (local.get 0)))))))
