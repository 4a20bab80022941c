#!/usr/bin/env bash
# Builds everything and runs every default test; prints ctest's summary.
# Arguments go to ctest: scripts/test.sh -R Softmax
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset release >/dev/null
cmake --build --preset release
ctest --test-dir build --output-on-failure --no-tests=error -LE long "$@"
