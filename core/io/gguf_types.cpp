// The block layouts of ggml. d and m are a block's float16 scale and offset.

#include "mlx/core/io/gguf_types.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace mlx::core::io {
namespace {

float half_at(const uint8_t* bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return float16_t::from_bits(bits);
}

// Bit i of the 32 at `bytes`, as the fifth bit of a weight.
int fifth_bit(const uint8_t* bytes, int i) { return (bytes[i / 8] >> (i % 8) & 1) << 4; }

// d, 32 high bits, 16 bytes of two low nibbles: elements i and i + 16.
void expand_q5_0(const uint8_t* block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < 16; ++i) {
    const int q = block[6 + i];
    out[i] = d * static_cast<float>(((q & 15) | fifth_bit(block + 2, i)) - 16);
    out[i + 16] = d * static_cast<float>(((q >> 4) | fifth_bit(block + 2, i + 16)) - 16);
  }
}

void expand_q5_1(const uint8_t* block, float* out) {
  const float d = half_at(block);
  const float m = half_at(block + 2);
  for (int i = 0; i < 16; ++i) {
    const int q = block[8 + i];
    out[i] = d * static_cast<float>((q & 15) | fifth_bit(block + 4, i)) + m;
    out[i + 16] = d * static_cast<float>((q >> 4) | fifth_bit(block + 4, i + 16)) + m;
  }
}

// 16 bytes of scale and offset nibbles, 64 of two-bit weights, d, m. In each
// half, 32 bytes hold four rows of 32 weights, one in every pair of bits.
void expand_q2_k(const uint8_t* block, float* out) {
  const float d = half_at(block + 80);
  const float m = half_at(block + 82);
  for (int i = 0; i < 256; ++i) {
    const uint8_t scale = block[i / 16];
    const int q = block[16 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    out[i] = d * static_cast<float>(scale & 15) * static_cast<float>(q) -
             m * static_cast<float>(scale >> 4);
  }
}

// The twelve bytes of Q3_K: low nibbles of 16 scales, then their upper pairs of bits.
int scale_q3_k(const uint8_t* bytes, int i) {
  const int low = bytes[i % 8] >> (i / 8 * 4) & 15;
  const int high = bytes[8 + i % 4] >> (i / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

// 32 bytes of third bits, 64 of two-bit weights as in Q2_K, 12 of scales, d.
void expand_q3_k(const uint8_t* block, float* out) {
  const float d = half_at(block + 108);
  for (int i = 0; i < 256; ++i) {
    const int low = block[32 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    const int high = block[i % 32] >> (i / 32) & 1;
    const float scale = d * static_cast<float>(scale_q3_k(block + 96, i / 16));
    out[i] = scale * static_cast<float>(low - (high != 0 ? 0 : 4));
  }
}

struct ScaleAndOffset {
  float scale;
  float offset;
};

// The twelve bytes of Q4_K and Q5_K: eight scales and offsets of six bits.
ScaleAndOffset six_bits(const uint8_t* bytes, int i) {
  if (i < 4) {
    return {static_cast<float>(bytes[i] & 63), static_cast<float>(bytes[i + 4] & 63)};
  }
  return {static_cast<float>((bytes[i + 4] & 15) | bytes[i - 4] >> 6 << 4),
          static_cast<float>(bytes[i + 4] >> 4 | bytes[i] >> 6 << 4)};
}

// d, m, 12 bytes of scales, 128 of nibbles: 32 bytes hold two rows of 32.
void expand_q4_k(const uint8_t* block, float* out) {
  const float d = half_at(block);
  const float m = half_at(block + 2);
  for (int i = 0; i < 256; ++i) {
    const ScaleAndOffset s = six_bits(block + 4, i / 32);
    const int q = block[16 + i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
    out[i] = d * s.scale * static_cast<float>(q) - m * s.offset;
  }
}

// As Q4_K, with 32 bytes of fifth bits, one for each row of 32, before the nibbles.
void expand_q5_k(const uint8_t* block, float* out) {
  const float d = half_at(block);
  const float m = half_at(block + 2);
  for (int i = 0; i < 256; ++i) {
    const ScaleAndOffset s = six_bits(block + 4, i / 32);
    const int low = block[48 + i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15;
    const int high = block[16 + i % 32] >> (i / 32) & 1;
    out[i] = d * s.scale * static_cast<float>(low | high << 4) - m * s.offset;
  }
}

// 128 bytes of low nibbles, 64 of upper pairs of bits, 16 signed scales, d.
void expand_q6_k(const uint8_t* block, float* out) {
  const float d = half_at(block + 208);
  for (int i = 0; i < 256; ++i) {
    const int row = i % 128 / 32;
    const int low = block[i / 128 * 64 + row % 2 * 32 + i % 32] >> (row / 2 * 4) & 15;
    const int high = block[128 + i / 128 * 32 + i % 32] >> (row * 2) & 3;
    const auto scale = static_cast<int8_t>(block[192 + i / 16]);
    out[i] = d * static_cast<float>(scale) * static_cast<float>((low | high << 4) - 32);
  }
}

// d as float32, 256 signed bytes, sums that are for dot products.
void expand_q8_k(const uint8_t* block, float* out) {
  float d;
  std::memcpy(&d, block, sizeof d);
  for (int i = 0; i < 256; ++i) {
    out[i] = d * static_cast<float>(static_cast<int8_t>(block[4 + i]));
  }
}

constexpr GgufType plain(uint32_t id, const char* name, Dtype dtype) {
  return {id, name, GgufUse::plain, dtype, 1, dtype.size(), 0, nullptr};
}

constexpr GgufType quantized(uint32_t id, const char* name, int bits, int block_bytes) {
  return {id, name, GgufUse::quantized, uint32, 32, block_bytes, bits, nullptr};
}

constexpr GgufType expanded(uint32_t id, const char* name, int block_size, int block_bytes,
                            void (*expand)(const uint8_t*, float*)) {
  return {id, name, GgufUse::expanded, float16, block_size, block_bytes, 0, expand};
}

constexpr GgufType kTypes[] = {
    plain(0, "F32", float32),
    plain(1, "F16", float16),
    quantized(2, "Q4_0", 4, 18),
    quantized(3, "Q4_1", 4, 20),
    expanded(6, "Q5_0", 32, 22, expand_q5_0),
    expanded(7, "Q5_1", 32, 24, expand_q5_1),
    quantized(8, "Q8_0", 8, 34),
    expanded(10, "Q2_K", 256, 84, expand_q2_k),
    expanded(11, "Q3_K", 256, 110, expand_q3_k),
    expanded(12, "Q4_K", 256, 144, expand_q4_k),
    expanded(13, "Q5_K", 256, 176, expand_q5_k),
    expanded(14, "Q6_K", 256, 210, expand_q6_k),
    expanded(15, "Q8_K", 256, 292, expand_q8_k),
    plain(24, "I8", int8),
    plain(25, "I16", int16),
    plain(26, "I32", int32),
    plain(27, "I64", int64),
    plain(28, "F64", float64),
    plain(30, "BF16", bfloat16),
};

}  // namespace

const GgufType* find_gguf_type(uint32_t id) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const GgufType& type) { return type.id == id; });
  return found == std::end(kTypes) ? nullptr : found;
}

const GgufType* find_gguf_type(Dtype dtype) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const GgufType& type) {
    return type.use == GgufUse::plain && type.dtype == dtype;
  });
  return found == std::end(kTypes) ? nullptr : found;
}

void split_block(const GgufType& type, const uint8_t* block, uint8_t* weights, float16_t& scale,
                 float16_t& bias) {
  scale = half_at(block);
  if (type.bits == 8) {  // Q8_0: d, 32 signed bytes
    bias = -128.0f * scale;
    std::transform(block + 2, block + 34, weights,
                   [](uint8_t q) { return static_cast<uint8_t>(q ^ 0x80); });
    return;
  }
  // Q4_0 and Q4_1: d, Q4_1's m, 16 bytes of elements i and i + 16.
  const bool has_offset = type.block_bytes == 20;
  bias = has_offset ? half_at(block + 2) : -8.0f * scale;
  const uint8_t* q = block + (has_offset ? 4 : 2);
  for (int i = 0; i < 8; ++i) {
    weights[i] = static_cast<uint8_t>((q[2 * i] & 15) | (q[2 * i + 1] & 15) << 4);
    weights[i + 8] = static_cast<uint8_t>(q[2 * i] >> 4 | (q[2 * i + 1] & 0xF0));
  }
}

}  // namespace mlx::core::io
