#!/usr/bin/env bash
# all_sum beside Open MPI's MPI_Allreduce, on this host, in one run.
# Usage: bench/collectives/run.sh [build folder]
set -euo pipefail
bin=${1:-build}/bin

# Quiet, and fair with more ranks than cores: who waits gives way.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader,tcp
export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo

for ranks in 2 4; do
  echo "== $ranks ranks, shared memory: mlx"
  "$bin/mlx-launch" -n "$ranks" "$bin/bench_all_sum"
  echo "== $ranks ranks, shared memory: Open MPI"
  mpirun -n "$ranks" "$bin/bench_mpi_allreduce"
done
echo "== 2 ranks, TCP: mlx"
MLX_TRANSPORT=tcp "$bin/mlx-launch" -n 2 "$bin/bench_all_sum"
echo "== 2 ranks, TCP: Open MPI"
OMPI_MCA_btl=self,tcp mpirun -n 2 "$bin/bench_mpi_allreduce"
