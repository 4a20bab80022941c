#pragma once

// The types of tensors in GGUF files and how their blocks become numbers.

#include <cstddef>
#include <cstdint>

#include "mlx/core/dtype.h"
#include "mlx/core/half.h"

namespace mlx::core::io {

/// What becomes of a tensor of some type.
enum class GgufUse : uint8_t {
  plain,      ///< numbers of one of our dtypes
  quantized,  ///< stays quantized: weights, scales and biases of groups of 32
  expanded,   ///< becomes float16
};

struct GgufType {
  uint32_t id;
  const char* name;
  GgufUse use;
  Dtype dtype;
  /// Numbers in a block and its bytes.
  int block_size;
  int block_bytes;
  /// Bits of one weight that stays quantized.
  int bits;
  /// The numbers of one block.
  void (*expand)(const uint8_t* block, float* out);
};

/// Null if there is none or we cannot read it.
const GgufType* find_gguf_type(uint32_t id);
/// Null if the format has none for it.
const GgufType* find_gguf_type(Dtype dtype);

/// Makes our layout of one block that stays quantized: bits * 32 bits of
/// weights, the lowest first, w = weight * scale + bias.
void split_block(const GgufType& type, const uint8_t* block, uint8_t* weights, float16_t& scale,
                 float16_t& bias);

}  // namespace mlx::core::io
