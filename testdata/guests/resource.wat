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
  (func (export "test:guest/things@1.0.0#nest") (drop (call $descend (i32.const -1))))
  (func $descend (export "test:guest/things@1.0.0#descend") (param $n i32) (result i32)
    (global.set $deep (local.get $n))
    (global.set $dropped (i32.const 0))
    (call $drop (call $new (i32.const 1)))
    (global.get $dropped))
  ;; as often as $deep says, a destructor makes and drops another thing, and then counts its own
  (func (export "test:guest/things@1.0.0#[dtor]thing") (param $rep i32)
    (if (global.get $deep)
      (then
        (global.set $deep (i32.sub (global.get $deep) (i32.const 1)))
        (call $drop (call $new (i32.add (local.get $rep) (i32.const 1))))))
    (global.set $dropped (i32.add (global.get $dropped) (local.get $rep)))))
