#!/bin/sh
# rocketkv: starts the command line with the permissions that the command needs, and no others.
# `make` puts a copy of this file at build/rocketkv; it finds everything else by its own place.

self=$0
while [ -h "$self" ]; do
  link=$(readlink "$self")
  case $link in
    /*) self=$link ;;
    *) self=${self%/*}/$link ;;
  esac
done
case $self in
  */*) ;;
  *) self=./$self ;; # sh rocketkv
esac
root=$(cd -P "${self%/*}/.." && pwd) || exit 1

if [ ! -x "$root/.tools/bin/deno" ] || [ ! -e "$root/node_modules/.stamp" ]; then
  echo "Cannot start rocketkv: $root is not set up: run make there" >&2
  exit 1
fi

# The command is the first word that is not an option.
command=
for word in "$@"; do
  case $word in
    -*) ;;
    *)
      command=$word
      break
      ;;
  esac
done

# Everything may read files, because models lie anywhere. Only what is named here may write, connect or run programs.
cache=${ROCKETKV_HOME:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/rocketkv}
main=$root/cli/main.ts
case $command in
  pull) set -- --allow-net --allow-run=python3 "--allow-write=$cache" "$main" "$@" ;;
  chat) set -- --allow-write "$main" "$@" ;; # a conversation is saved wherever the user says
  # Charts are written wherever the user says; what makes PNG of them is a native module that asks what machine this is.
  analyze) set -- --allow-write --allow-sys=cpus,hostname,networkInterfaces "--allow-ffi=$root/node_modules/.deno" \
    "$main" "$@" ;;
  doctor) set -- --allow-sys=statfs "$main" "$@" ;; # free disk space
  *) set -- "$main" "$@" ;;
esac

# Packages come straight from node_modules: looking at deno.json and deno.lock again would cost 20 ms a start.
export DENO_DIR="$root/.tools/deno_dir" DENO_NO_UPDATE_CHECK=1
exec "$root/.tools/bin/deno" run --quiet --no-prompt --cached-only --no-config --no-lock --node-modules-dir=manual \
  --allow-read "--allow-ffi=$root/build/librocketkv.so" \
  --allow-env=ROCKETKV_HOME,XDG_CACHE_HOME,HOME,HF_ENDPOINT,HF_TOKEN,NO_COLOR,FORCE_COLOR,CLICOLOR_FORCE,TERM \
  "$@"
