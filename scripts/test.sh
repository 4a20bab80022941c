#!/usr/bin/env bash
# Builds everything and runs the default tests; with --long those that take
# minutes instead. Prints ctest's summary.
# Other arguments go to ctest: scripts/test.sh -R Softmax
set -euo pipefail
cd "$(dirname "$0")/.."

select=(-LE long)
if [ "${1:-}" = --long ]; then
  select=(-L long)
  shift
fi
cmake --preset release >/dev/null
cmake --build --preset release
ctest --test-dir build -j "$(nproc)" --output-on-failure --no-tests=error "${select[@]}" "$@"
