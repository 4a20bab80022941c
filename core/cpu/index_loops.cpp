#include "mlx/core/cpu/index_loops.h"

#include <type_traits>

namespace mlx::core::cpu {
namespace {

// A large uint64 becomes a negative position. Written so that compilers find SIMD.
template <typename T>
bool convert(const void* from, int64_t count, int64_t size, int64_t last, int64_t* out) {
  const T* values = static_cast<const T*>(from);
  int64_t signs = 0;  // negative once a position or its distance to the last one is
  for (int64_t i = 0; i < count; ++i) {
    auto position = static_cast<int64_t>(values[i]);
    if constexpr (std::is_signed_v<T>) {
      position += position < 0 ? size : 0;
    }
    out[i] = position;
    signs |= position | (last - position);
  }
  return signs >= 0;
}

}  // namespace

const IndexLoops MLX_INDEX_LOOPS{
    {convert<int8_t>, convert<int16_t>, convert<int32_t>, convert<int64_t>},
    {convert<uint8_t>, convert<uint16_t>, convert<uint32_t>, convert<uint64_t>}};

}  // namespace mlx::core::cpu
