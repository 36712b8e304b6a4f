#!/bin/sh
# Makes the .wasm guests from the .wat beside them. Needs node and npm; the wabt package is pinned.
set -eu
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
npm install --silent --no-save --prefix "$tools" wabt@1.0.39 >/dev/null
NODE_PATH="$tools/node_modules" node -e '
const fs = require("fs");
require("wabt")().then(wabt => {
  for (const wat of fs.readdirSync(".").filter(f => f.endsWith(".wat"))) {
    const m = wabt.parseWat(wat, fs.readFileSync(wat, "utf8"));
    m.validate();
    fs.writeFileSync(wat.replace(/wat$/, "wasm"), m.toBinary({}).buffer);
    m.destroy();
  }
});'
