// The same measurement as all_sum.cpp, of MPI_Allreduce:
//
//   mpirun -n 2 build/bin/bench_mpi_allreduce [bytes ...]

#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

void measure(size_t bytes, int rank) {
  const std::vector<float> in(bytes / sizeof(float), 1.0f);
  std::vector<float> out(in.size());
  const int rounds = bytes <= 4096 ? 20'000 : bytes <= (1u << 20) ? 500 : 20;
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    MPI_Allreduce(in.data(), out.data(), static_cast<int>(in.size()), MPI_FLOAT, MPI_SUM,
                  MPI_COMM_WORLD);
    times.push_back((MPI_Wtime() - start) * 1e6);
  }
  std::sort(times.begin(), times.end());
  if (rank == 0) {
    std::printf("%10zu bytes  min %10.2f  median %10.2f  p99 %10.2f us\n", bytes, times.front(),
                times[times.size() / 2], times[times.size() * 99 / 100]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<size_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {4, 65536, size_t{1} << 20, size_t{64} << 20};
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  for (const size_t bytes : sizes) measure(bytes, rank);
  MPI_Finalize();
}
