;; A guest whose _initialize never ends.
(module
  (func (export "_initialize") (loop $forever (br $forever)))
  (func (export "test:guest/hostile@1.0.0#ok") (result i32) (i32.const 42)))
