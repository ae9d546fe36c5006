#!/bin/sh
# Runs the smoke preset from the beginning and writes its tables and pictures to docs/results/smoke. Usage: scripts/smoke_results.sh
set -eu
cd "$(dirname "$0")/.."

run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
build/rocketkv sweep --preset smoke --out "$run"
build/rocketkv report "$run" --markdown --out "$run/report"

out=docs/results/smoke
rm -rf "$out"
mkdir -p "$out"
cp "$run"/report/tables/summary.md "$run"/report/tables/cells.csv "$run"/report/tables/pairs.csv "$out"
cp "$run"/report/plots/*.svg "$out"
