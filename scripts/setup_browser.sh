#!/bin/sh
# Installs the browser that a test opens reports in, Debian's chromium, and prints its path. Usage: scripts/setup_browser.sh [--find]
#
# With --find nothing is installed. Exits with 1, and says why, where there is no browser: the test is then ignored, and says it too.
set -eu

find_browser() {
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" && return 0
  done
  return 1
}

find_browser && exit 0
if [ "${1-}" = --find ]; then
  echo "Cannot open a report: expected chromium on PATH, found none: run scripts/setup_browser.sh as root" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Cannot set up chromium: only root may install it: apt-get install chromium" >&2
  exit 1
fi
if ! command -v apt-get > /dev/null; then
  echo "Cannot set up chromium: expected apt-get on PATH, found none" >&2
  exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Setting up chromium" >&2
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; } \
  > "$log" 2>&1; then
  echo "Cannot set up chromium: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")" >&2
  exit 1
fi
find_browser
