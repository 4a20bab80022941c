// Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as
// easy as 1, 2, 3"), in counter mode: a block is the hash of two counters.

#include "mlx/core/cpu/random.h"

#include <algorithm>
#include <cstring>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/random_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kLanes = 64;       // hashed at once, in vector registers
constexpr int64_t kGrain = 1 << 14;  // hashes that one thread should do at least

constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};

struct Hashes {
  uint32_t x[kLanes];
  uint32_t y[kLanes];
};

// x and y enter as counters.
void threefry(uint32_t k0, uint32_t k1, Hashes& h) {
  const uint32_t keys[3] = {k0, k1, k0 ^ k1 ^ 0x1BD11BDA};
  for (int64_t i = 0; i < kLanes; ++i) {
    h.x[i] += keys[0];
    h.y[i] += keys[1];
  }
  for (uint32_t group = 0; group < 5; ++group) {
    for (const int rotation : kRotations[group % 2]) {
      for (int64_t i = 0; i < kLanes; ++i) {
        h.x[i] += h.y[i];
        h.y[i] = ((h.y[i] << rotation) | (h.y[i] >> (32 - rotation))) ^ h.x[i];
      }
    }
    for (int64_t i = 0; i < kLanes; ++i) {
      h.x[i] += keys[(group + 1) % 3];
      h.y[i] += keys[(group + 2) % 3] + group + 1;
    }
  }
}

// The words of an output, of which the last may be cut off.
struct Words {
  std::byte* data;
  int64_t bytes;

  void write(int64_t first, const uint32_t* words, int64_t count) {
    const int64_t at = 4 * first;
    std::memcpy(data + at, words, static_cast<size_t>(std::min(4 * count, bytes - at)));
  }
};

// Hash i of counters (i, i + second) gives words i and i + second. The middle
// one of an odd number of words has the second counter 0.
void write_bits(const uint32_t* key, Words words) {
  const int64_t count = (words.bytes + 3) / 4;
  const int64_t half = count / 2;
  const int64_t second = half + count % 2;

  parallel_for(half, kGrain, [&](int64_t begin, int64_t end) {
    Hashes h;
    for (int64_t first = begin; first < end; first += kLanes) {
      for (int64_t i = 0; i < kLanes; ++i) {
        h.x[i] = static_cast<uint32_t>(first + i);
        h.y[i] = static_cast<uint32_t>(first + i + second);
      }
      threefry(key[0], key[1], h);
      const int64_t wanted = std::min(kLanes, end - first);
      words.write(first, h.x, wanted);
      words.write(first + second, h.y, wanted);
    }
  });
  if (count % 2 == 1) {
    Hashes h{};
    h.x[0] = static_cast<uint32_t>(half);
    threefry(key[0], key[1], h);
    words.write(half, h.x, 1);
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
    write_bits(keys.data<uint32_t>() + 2 * i, {out.data<std::byte>() + i * bytes, bytes});
  }
}

}  // namespace mlx::core::cpu
