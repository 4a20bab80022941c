#!/usr/bin/env bash
# Builds the fuzzers with clang and runs each of them; fails on the first finding.
# Exit status 77: clang is not installed. The tests labelled long run this too.
# usage: scripts/fuzz.sh [seconds for each, 60 by default] [fuzzer...]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
fuzzers=("$@")
[ ${#fuzzers[@]} -gt 0 ] || fuzzers=(agent export frame gguf handshake header hostfile npy npz safetensors)

if ! command -v clang++ >/dev/null; then
  echo "fuzz: needs clang: scripts/setup.sh --fuzz" >&2
  exit 77
fi
mkdir -p build
(
  flock 9 # tests may run several of these at once
  cmake --preset fuzz >/dev/null
  cmake --build --preset fuzz --target "${fuzzers[@]/%/_fuzz}"
) 9>build/fuzz.lock

# What a run finds stays out of the tree: only the seeds are kept in it.
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
for what in "${fuzzers[@]}"; do
  echo "fuzz: $what for $seconds s"
  mkdir -p "$found/$what"
  if ! build/fuzz/bin/"${what}_fuzz" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
    -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix=build/fuzz/ \
    "$found/$what" "tests/fuzz/corpus/$what" >"$found/log" 2>&1; then
    tail -n 60 "$found/log"
    exit 1
  fi
  grep 'number_of_executed_units\|peak_rss' "$found/log"
done
echo "fuzz: nothing was found"
