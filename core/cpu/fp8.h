#pragma once

// Floating-point numbers in 4 and 8 bits, one at a time and without branches,
// so that loops vectorise. Internal linkage: compiled once per instruction set.

#include <cstdint>

namespace mlx::core::cpu {
namespace {

inline uint32_t fp8_bits(float x) { return __builtin_bit_cast(uint32_t, x); }
inline float fp8_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }

/// e4m3: bias 7, no infinities. To nearest even; everything beyond 448 and NaN give 448.
inline uint8_t to_e4m3(float x) {
  const uint32_t u = fp8_bits(x);
  const uint32_t magnitude = u & 0x7FFFFFFFu;
  const uint32_t normal = (magnitude - (120u << 23) + 0x7FFFFu + ((magnitude >> 20) & 1u)) >> 20;
  // Adding 2^14 leaves the multiples of 2^-9 in the last bits of the sum.
  const uint32_t subnormal = fp8_bits(fp8_float(magnitude) + 0x1p14f) - fp8_bits(0x1p14f);
  uint32_t code = magnitude < fp8_bits(0x1p-6f) ? subnormal : normal;
  code = magnitude > fp8_bits(448) ? 0x7Eu : code;
  return static_cast<uint8_t>(code | ((u >> 24) & 0x80u));
}

inline float from_e4m3(uint8_t code) {
  const uint32_t magnitude = code & 0x7Fu;
  const float subnormal = static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-9f;
  uint32_t u = magnitude < 8 ? fp8_bits(subnormal) : (magnitude << 20) + (120u << 23);
  u = magnitude == 0x7Fu ? 0x7FC00000u : u;
  return fp8_float(u | static_cast<uint32_t>(code & 0x80u) << 24);
}

/// e2m1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and a sign. To nearest, ties to the smaller, NaN to 0; what
/// rounds to 0 has no sign.
inline uint8_t to_e2m1(float x) {
  const float a = __builtin_fabsf(x);
  const int code =
      (a > 0.25f) + (a > 0.75f) + (a > 1.25f) + (a > 1.75f) + (a > 2.5f) + (a > 3.5f) + (a > 5.0f);
  return static_cast<uint8_t>(x < -0.25f ? code | 8 : code);
}

/// e8m0: a power of two, bias 127. 255 is infinite.
inline float from_e8m0(uint8_t code) {
  return fp8_float(code == 0 ? 0x00400000u : static_cast<uint32_t>(code) << 23);
}

}  // namespace
}  // namespace mlx::core::cpu
