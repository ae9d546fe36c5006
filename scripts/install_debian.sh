#!/bin/sh
# Installs Debian packages. Usage: scripts/install_debian.sh NAME PACKAGE..., where NAME is what people call them.
# Where it cannot, it says why in one line and fails.
set -eu

name=$1
shift
if [ "$(id -u)" -ne 0 ]; then
  echo "Cannot set up $name: only root may install it: apt-get install $*" >&2
  exit 1
fi
if ! command -v apt-get > /dev/null; then
  echo "Cannot set up $name: expected apt-get on PATH, found none" >&2
  exit 1
fi
echo "Setting up $name" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y -qq --no-install-recommends "$@" > "$log" 2>&1
}
# Package lists may be missing or old: they are only fetched when it does not work without.
if ! install "$@"; then
  timeout 120 apt-get update -qq > /dev/null 2>&1 || true
  if ! install "$@"; then
    echo "Cannot set up $name: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")" >&2
    exit 1
  fi
fi
