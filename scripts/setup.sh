#!/usr/bin/env bash
# Installs the Debian packages that building and testing needs; with --bench
# also those of the benchmarks, with --fuzz those of scripts/fuzz.sh, with --rdma those of the test over RDMA
# (docs/rdma.md). The tests run sshd, munged and Slurm's daemons themselves, with
# their own settings: nothing is configured here, and RUNLEVEL=1 keeps Debian from
# starting the installed ones now. Safe to run again.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache mold pkg-config python3
  libopenblas-openmp-dev liblapacke-dev libdnnl-dev libhwy-dev libssl-dev zlib1g-dev
  nlohmann-json3-dev libcli11-dev libspdlog-dev libfmt-dev libibverbs-dev libhwloc-dev
  libgtest-dev libgmock-dev openmpi-bin iproute2 openssh-client openssh-server nftables slurm-wlm munge
  dataset-fashion-mnist
)
for option in "$@"; do
  case "$option" in
    --bench) packages+=(libbenchmark-dev libopenmpi-dev libgloo-dev) ;;
    --fuzz) packages+=(clang libomp-dev) ;;
    --rdma) packages+=(qemu-system-x86 busybox-static cpio iproute2 rdma-core ibverbs-providers perftest) ;;
    *)
      echo "usage: scripts/setup.sh [--bench] [--fuzz] [--rdma]" >&2
      exit 2
      ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: every package is installed"
  exit 0
fi

echo "setup: installing ${missing[*]}"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo --preserve-env=DEBIAN_FRONTEND,RUNLEVEL)
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
