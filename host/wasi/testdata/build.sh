#!/bin/sh
# Makes command.component.wasm. Needs node and npm, and from apt: clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32.
set -eu
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
npm install --silent --no-save --prefix "$tools" @bytecodealliance/jco@1.35.0 >/dev/null
clang-19 --target=wasm32-wasi -Wall -Oz -Wl,--strip-all command.c -o "$tools/command.wasm"
node ../../component/testdata/command.mjs "$tools/node_modules" "$tools/command.wasm" command.component.wasm
