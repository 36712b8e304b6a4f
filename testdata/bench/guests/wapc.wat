;; The same logic as canonical.wat, for waPC: the operation is at 0, the payload at 4096.
(module
  (import "wapc" "__guest_request" (func $request (param i32 i32)))
  (import "wapc" "__guest_response" (func $respond (param i32 i32)))
  (import "wapc" "__host_call" (func $host_call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wapc" "__host_response" (func $host_response (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "tick")

  (func (export "__guest_call") (param $op i32) (param $len i32) (result i32)
    (call $request (i32.const 0) (i32.const 4096))
    (if (i32.eq (i32.load8_u (i32.const 0)) (i32.const 0x77)) ;; "work"
      (then
        (if (i32.eqz (call $host_call (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (i32.const 64) (i32.const 4) (i32.const 4096) (local.get $len)))
          (then (return (i32.const 0))))
        (call $host_response (i32.const 128))
        (call $respond (i32.const 128) (i32.const 4))
        (return (i32.const 1))))
    (memory.copy (i32.const 32768) (i32.const 4096) (local.get $len))
    (call $respond (i32.const 32768) (local.get $len))
    (i32.const 1))
)
