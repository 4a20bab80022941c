// Time of all_sum, through eval, between the ranks of a job:
//
//   mlx-launch -n 2 build/bin/bench_all_sum [bytes ...]
//
// Prints one line a size: minimum, median and 99th percentile in microseconds.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "mlx/core/ops/creation.h"
#include "mlx/core/transforms.h"
#include "mlx/distributed/ops.h"

namespace {

using namespace mlx::core;

double microseconds_of(const array& x, const distributed::Group& world) {
  const auto start = std::chrono::steady_clock::now();
  array y = distributed::all_sum(x, world);
  eval({y});
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

void measure(size_t bytes, const distributed::Group& world) {
  const array x = ones({static_cast<int64_t>(bytes / sizeof(float))}, float32);
  eval({x});
  const int rounds = bytes <= 4096 ? 20'000 : bytes <= (1u << 20) ? 500 : 20;
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    distributed::barrier(world);
    times.push_back(microseconds_of(x, world));
  }
  std::sort(times.begin(), times.end());
  if (world.rank() == 0) {
    std::printf("%10zu bytes  min %10.2f  median %10.2f  p99 %10.2f us\n", bytes, times.front(),
                times[times.size() / 2], times[times.size() * 99 / 100]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<size_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {4, 65536, size_t{1} << 20, size_t{64} << 20};
  const distributed::Group world = distributed::init(true);
  for (const size_t bytes : sizes) measure(bytes, world);
}
