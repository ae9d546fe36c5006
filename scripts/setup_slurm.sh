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
"$(dirname "$0")/install_debian.sh" Slurm slurmctld slurmd slurm-client || exit 1
if [ -n "$(missing)" ]; then
  echo "Cannot set up Slurm: $(missing) is not there, although its packages are" >&2
  exit 1
fi
