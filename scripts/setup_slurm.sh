#!/bin/sh
# Installs Debian's Slurm, for the tests of `sweep --executor slurm`. Usage: scripts/setup_slurm.sh [--check]
# Where it cannot, it says why and fails: the tests are then skipped, with that reason. --check installs nothing.
set -u

programs="slurmctld slurmd sbatch squeue scancel scontrol"
missing() {
  for program in $programs; do
    command -v "$program" > /dev/null || { echo "$program"; return; }
  done
}

[ -n "$(missing)" ] || exit 0
if [ "${1:-}" = --check ]; then
  echo "$(missing) is not there: scripts/setup_slurm.sh installs it" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Cannot set up Slurm: $(missing) is not there, and only root can install it" >&2
  exit 1
fi
if ! command -v apt-get > /dev/null; then
  echo "Cannot set up Slurm: $(missing) is not there, and neither is apt-get" >&2
  exit 1
fi
echo "Setting up Slurm"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  DEBIAN_FRONTEND=noninteractive timeout 180 apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client > "$log" 2>&1
}
# Package lists may be missing or old: they are only fetched when it does not work without.
if ! install; then
  timeout 120 apt-get update -qq > /dev/null 2>&1
  install
fi
if [ -n "$(missing)" ]; then
  echo "Cannot set up Slurm: apt-get: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")" >&2
  exit 1
fi
