#!/bin/sh
# The main job, twice: one question about a text of 2,300 tokens, answered with a cache of 256 tokens and with all of it.
# Usage: scripts/demo.sh
set -eu
cd "$(dirname "$0")/.."

ask() {
  echo
  echo "\$ rocketkv generate $*"
  build/rocketkv generate "$@"
}

build/rocketkv pull --verify smollm2
tail -n 2 scripts/demo/prompt.txt
echo
for method in rocketkv full; do
  ask --model smollm2 --raw --file scripts/demo/prompt.txt --new-tokens 8 --method "$method" --budget 256 --stats
done
