#!/bin/sh
# Makes the .wasm fixtures from the .wat beside them. Needs node and npm; the wabt package is pinned.
set -e
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
npm install --silent --no-save --prefix "$tools" wabt@1.0.39 >/dev/null
NODE_PATH="$tools/node_modules" node - *.wat <<'JS'
const fs = require("fs"), features = {exceptions: true, mutable_globals: true, sat_float_to_int: true, sign_extension: true, simd: true,
  threads: true, multi_value: true, tail_call: true, bulk_memory: true, reference_types: true, extended_const: true};
require("wabt")().then(wabt => {
  for (const wat of process.argv.slice(2)) {
    const m = wabt.parseWat(wat, fs.readFileSync(wat, "utf8"), features);
    m.resolveNames();
    m.validate();
    fs.writeFileSync(wat.replace(/wat$/, "wasm"), m.toBinary({write_debug_names: true}).buffer);
  }
}).catch(e => { console.error(String(e)); process.exit(1); });
JS
