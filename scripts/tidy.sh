#!/usr/bin/env bash
# Runs clang-tidy over the given sources (default: all), with the flags of the dev
# preset: it compiles each file alone.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f build/dev/compile_commands.json ] || cmake --preset dev >/dev/null
if [ $# -eq 0 ]; then
  mapfile -t sources < <(git ls-files -- 'core/*.cpp' 'distributed/*.cpp' 'launch/*.cpp' 'nn/*.cpp' 'optim/*.cpp')
  set -- "${sources[@]}"
fi
clang-tidy --quiet -p build/dev "$@"
