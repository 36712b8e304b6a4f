;; A guest whose start function never ends.
(module
  (func $start (loop $forever (br $forever)))
  (start $start)
  (func (export "test:guest/hostile@1.0.0#ok") (result i32) (i32.const 42)))
