#!/bin/sh
# Puts the pinned clang-format into .tools/bin/: other versions format differently. Usage: scripts/setup_clang_format.sh
set -eu
cd "$(dirname "$0")/.."

version=14.0.6
wheel_sha256=d7c1c5e404c58e55f0170f01b3c5611dce6c119e62b5d1020347e0ad97d5a047

echo "Setting up clang-format $version"
folder=.tools/clang-format
rm -rf "$folder"
mkdir -p .tools/bin
echo "clang-format==$version --hash=sha256:$wheel_sha256" > .tools/clang-format.txt
PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all: \
  --require-hashes --target "$folder" --requirement .tools/clang-format.txt
ln -sf "../clang-format/clang_format/data/bin/clang-format" .tools/bin/clang-format
