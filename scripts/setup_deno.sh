#!/bin/sh
# Puts the pinned Deno into .tools/: it runs the command line, the tests and the scripts. Usage: scripts/setup_deno.sh
#
# The binary comes from npm, because that is reachable where a project's own download site may not be, and is trusted
# by its hash alone. `.tools/bin/deno` is what everything else calls.
set -eu
cd "$(dirname "$0")/.."

version=2.9.6
sha256=bceb5b6a6239b0b010418406d8c77a508f67cf4337d94288f1c19fe71304aab0

system="$(uname -s)-$(uname -m)"
if [ "$system" != Linux-x86_64 ]; then
  echo "Cannot set up Deno: rocketkv runs on Linux-x86_64, found $system" >&2
  exit 1
fi

if ! command -v npm > /dev/null; then
  echo "Cannot set up Deno: npm must be installed: it comes with Node.js" >&2
  exit 1
fi

package="@deno/linux-x64-glibc"
binary="node_modules/$package/deno"
is_right() { echo "$sha256  .tools/$binary" | sha256sum --check --status 2>/dev/null; }

if ! is_right; then
  echo "Setting up Deno $version"
  mkdir -p .tools
  # --no-save: .tools/ has no package.json of its own that could drift.
  npm install --prefix .tools --no-save --no-package-lock --no-audit --no-fund --loglevel=error "$package@$version" \
    > .tools/npm.log 2>&1 || { cat .tools/npm.log >&2; exit 1; }
  if ! is_right; then
    echo "Cannot set up Deno: expected SHA-256 $sha256, found $(sha256sum ".tools/$binary" | cut -d' ' -f1)" >&2
    exit 1
  fi
fi
mkdir -p .tools/bin
ln -sf "../$binary" .tools/bin/deno
