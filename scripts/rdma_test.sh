#!/usr/bin/env bash
# Runs the tests of distributed/ over RDMA, in a virtual machine with Soft-RoCE:
# see docs/rdma.md. Exit status 77: no such machine can be had here.
# usage: scripts/rdma_test.sh [BUILD_FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."

build=$(realpath "${1:-build}")
for program in distributed_ranks_test distributed_processes_test mlx-distributed-config; do
  if [ ! -x "$build/bin/$program" ]; then
    echo "rdma_test: $build/bin/$program is not built" >&2
    exit 1
  fi
done
exec tests/rdma/vm.sh 570 "$PWD/tests/rdma/guest.sh" "$build/bin"
