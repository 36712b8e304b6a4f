#!/bin/sh
# Makes the .json files from the .wast files beside them. Needs node and npm; the jco package, whose parser is wasm-tools', is pinned.
set -eu
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
npm install --silent --no-save --prefix "$tools" @bytecodealliance/jco@1.35.0 >/dev/null
node build.mjs "$tools/node_modules" *.wast
