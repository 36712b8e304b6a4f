#!/usr/bin/env bash
# Runs the benchmarks; see main.go for flags. --update also puts the figures into BENCHMARKS.md.
set -euo pipefail
cd "$(dirname "$0")"
export CGO_ENABLED=0
args=()
for arg in "$@"; do
	case $arg in
	--update | -update) args+=(-update ../../BENCHMARKS.md) ;;
	*) args+=("$arg") ;;
	esac
done
program=$(mktemp -d)
trap 'rm -rf "$program"' EXIT
go build -o "$program/bench" .
"$program/bench" ${args[@]+"${args[@]}"}
