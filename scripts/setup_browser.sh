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
"$(dirname "$0")/install_debian.sh" chromium chromium fonts-dejavu-core
find_browser
