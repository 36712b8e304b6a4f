;; A guest whose start function traps after it has taken memory.
(module
  (memory 16)
  (func $start (unreachable))
  (start $start)
  (func (export "test:guest/hostile@1.0.0#ok") (result i32) (i32.const 42)))
