#!/bin/sh
# The main job: a question about a text of 2,300 tokens, answered by RocketKV with a budget of 256 tokens, from the full
# cache, and by StreamingLLM with the same budget, which no longer sees the sentence that matters.
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
for method in rocketkv full streaming; do
  ask --model smollm2 --raw --file scripts/demo/prompt.txt --new-tokens 8 --method "$method" --budget 256 --stats
done
