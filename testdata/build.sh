#!/usr/bin/env bash
# Makes every committed .wasm fixture from the source beside it. Needs node and npm.
set -euo pipefail
cd "$(dirname "$0")/.."
for script in testdata/guests/build.sh testdata/bench/guests/build.sh host/wasmmod/testdata/build.sh host/component/testdata/build.sh; do
	echo "$script"
	sh "$script"
done
