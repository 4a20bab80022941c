#pragma once

// The two 16-bit floating-point types as storage: they convert to and from
// float, and arithmetic happens in float.

#include <bit>
#include <cstdint>

namespace mlx::core {

/// IEEE 754 binary16. Conversion rounds to nearest even, overflow gives inf.
struct float16_t {
  uint16_t bits;

  float16_t() = default;
  float16_t(float value) : bits(from_float(value)) {}  // NOLINT
  operator float() const { return to_float(bits); }    // NOLINT

  static float16_t from_bits(uint16_t bits) {
    float16_t out;
    out.bits = bits;
    return out;
  }

  static uint16_t from_float(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    const uint32_t sign = (u >> 16) & 0x8000u;
    const uint32_t magnitude = u & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) {  // NaN
      return static_cast<uint16_t>(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
    }
    if (magnitude >= 0x477FF000u) {  // rounds to 2^16 or is infinite
      return static_cast<uint16_t>(sign | 0x7C00u);
    }
    if (magnitude < 0x38800000u) {  // below 2^-14: adding 0.5 aligns and rounds a subnormal
      const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
      return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(aligned) - 0x3F000000u));
    }
    const uint32_t odd = (magnitude >> 13) & 1u;
    return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xFFFu + odd) >> 13));
  }

  static float to_float(uint16_t half) {
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
    const uint32_t magnitude = half & 0x7FFFu;
    if (magnitude >= 0x7C00u) {  // inf, NaN
      return std::bit_cast<float>(sign | 0x7F800000u | ((magnitude & 0x3FFu) << 13));
    }
    if (magnitude >= 0x0400u) {
      return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
    }
    const float subnormal = static_cast<float>(magnitude) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(subnormal));
  }
};

/// The upper half of a float32. Conversion rounds to nearest even.
struct bfloat16_t {
  uint16_t bits;

  bfloat16_t() = default;
  bfloat16_t(float value) : bits(from_float(value)) {}  // NOLINT
  operator float() const { return to_float(bits); }     // NOLINT

  static bfloat16_t from_bits(uint16_t bits) {
    bfloat16_t out;
    out.bits = bits;
    return out;
  }

  static uint16_t from_float(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    if ((u & 0x7FFFFFFFu) > 0x7F800000u) {  // keep a NaN a NaN
      return static_cast<uint16_t>((u >> 16) | 0x40u);
    }
    return static_cast<uint16_t>((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
  }

  static float to_float(uint16_t bits) {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }
};

}  // namespace mlx::core
