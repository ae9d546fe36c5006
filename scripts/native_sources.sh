#!/bin/sh
# Lists the native code that clang-format looks after. Usage: scripts/native_sources.sh
cd "$(dirname "$0")/.." && find cuda cli/launcher test/native -name '*.h' -o -name '*.cpp' -o -name '*.cuh' -o -name '*.cu'
