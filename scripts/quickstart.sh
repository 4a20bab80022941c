#!/usr/bin/env bash
# From a fresh Debian 12 machine to a trained network: installs the packages,
# builds in release mode, trains on two ranks. Needs root or sudo.
# Arguments go to the training program: scripts/quickstart.sh --model mlp
set -euo pipefail
cd "$(dirname "$0")/.."

echo "quickstart: 1/3 packages"
scripts/setup.sh

echo "quickstart: 2/3 build"
cmake --preset release -DMLX_BUILD_TESTS=OFF >/dev/null
cmake --build --preset release --target mlx-launch fashion_mnist

echo "quickstart: 3/3 training on two ranks"
if [ $# -eq 0 ]; then
  set -- --model cnn --epochs 3
fi
exec build/bin/mlx-launch -n 2 build/examples/fashion_mnist "$@"
