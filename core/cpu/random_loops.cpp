#include "mlx/core/cpu/random_loops.h"

#include <cstring>

#include "mlx/core/threefry.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kLanes = 16;
using Words [[gnu::vector_size(4 * kLanes)]] = uint32_t;

void hash(uint32_t k0, uint32_t k1, int64_t first, int64_t second, int64_t count, std::byte* x,
          std::byte* y) {
  const Words lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (int64_t done = 0; done < count; done += kLanes) {
    Words a = lane + static_cast<uint32_t>(first + done);
    Words b = a + static_cast<uint32_t>(second);
    threefry(k0, k1, a, b);
    if (count - done >= kLanes) {
      std::memcpy(x + 4 * done, &a, sizeof a);
      std::memcpy(y + 4 * done, &b, sizeof b);
    } else {
      std::memcpy(x + 4 * done, &a, static_cast<size_t>(4 * (count - done)));
      std::memcpy(y + 4 * done, &b, static_cast<size_t>(4 * (count - done)));
    }
  }
}

}  // namespace

const RandomLoops MLX_RANDOM_LOOPS{hash};

}  // namespace mlx::core::cpu
