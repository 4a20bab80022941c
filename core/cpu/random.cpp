#include "mlx/core/cpu/random.h"

#include <algorithm>
#include <cstring>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/random_loops.h"
#include "mlx/core/random_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kHashGrain = 1 << 14;  // hashes that one thread should do at least

// Hash i of counters (i, i + second) gives words i and i + second. The middle
// one of an odd number of words has the second counter 0. The last word may be
// cut off.
void write_bits(const uint32_t* key, std::byte* out, int64_t bytes) {
  const RandomLoops& loops = MLX_CHOOSE_LOOPS(kRandomLoops);
  const int64_t count = (bytes + 3) / 4;
  const int64_t half = count / 2;
  const int64_t second = half + count % 2;
  const int64_t whole = bytes % 4 == 0 ? half : std::max<int64_t>(0, half - 1);
  parallel_for(whole, kHashGrain, [&](int64_t begin, int64_t end) {
    loops.hash(key[0], key[1], begin, second, end - begin, out + 4 * begin,
               out + 4 * (begin + second));
  });
  // One hash, of which the second word is not always wanted.
  const auto put = [&](int64_t first, int64_t distance) {
    std::byte word[2][4];
    loops.hash(key[0], key[1], first, distance, 1, word[0], word[1]);
    std::memcpy(out + 4 * first, word[0],
                static_cast<size_t>(std::min<int64_t>(4, bytes - 4 * first)));
    const int64_t at = 4 * (first + distance);
    if (at > 4 * first) {
      std::memcpy(out + at, word[1], static_cast<size_t>(std::min<int64_t>(4, bytes - at)));
    }
  };
  if (whole < half) {
    put(whole, second);
  }
  if (count % 2 == 1) {
    put(half, -half);
  }
}

}  // namespace

void random_bits(const KernelArgs& args) {
  const array keys = row_contiguous(args.inputs[0]);
  array& out = args.outputs[0];
  allocate(out);
  const auto count = static_cast<int64_t>(keys.size()) / 2;
  const int64_t bytes = static_cast<int64_t>(out.nbytes()) / std::max<int64_t>(1, count);
  for (int64_t i = 0; i < count; ++i) {
    write_bits(keys.data<uint32_t>() + 2 * i, out.data<std::byte>() + i * bytes, bytes);
  }
}

}  // namespace mlx::core::cpu
