// An export's name is an identifier in this language; the Canonical ABI wants another one for handle.
export function afterCompile(module) {
  module.removeExport("handle");
  module.addFunctionExport("hello/handle", "wasi:http/incoming-handler@0.2.0#handle");
}
