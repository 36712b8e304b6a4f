#!/bin/sh
# Makes the .json files from the .wast files beside them, and components of the test guests. Needs node and npm; the jco package,
# whose parser is that of wasm-tools, is pinned.
set -eu
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
npm install --silent --no-save --prefix "$tools" @bytecodealliance/jco@1.35.0 >/dev/null
node build.mjs "$tools/node_modules" *.wast
node wrap.mjs "$tools/node_modules" ../../../testdata/guests
if command -v clang-19 >/dev/null; then # apt: clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32
	clang-19 --target=wasm32-wasi -O2 -Wl,--strip-all hello.c -o "$tools/hello.wasm"
	node command.mjs "$tools/node_modules" "$tools/hello.wasm" hello-c.component.wasm
fi
