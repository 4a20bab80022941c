#pragma once

// The inner loops of the Fourier transforms, compiled once per instruction set.
//
// They work on lanes: kFftLanes transforms of the same length at once, element
// by element [n][2][kFftLanes], real parts before imaginary ones. So every loop
// is over whole vectors, whatever the length.

#include <cstdint>

namespace mlx::core::cpu {

inline constexpr int64_t kFftLanes = 16;
/// Floats of one element of all lanes.
inline constexpr int64_t kFftElement = 2 * kFftLanes;

/// One pass of a Stockham transform: butterflies of `radix` elements, which lie
/// `count * stride` apart in the input, side by side in the output.
struct FftPass {
  int radix;
  int64_t count;
  int64_t stride;
  /// Complex numbers [count][radix - 1]; before them, for a radix without a
  /// butterfly of its own, the roots of unity [radix].
  const float* twiddles;
};

/// Where the lanes are in an array of complex numbers (or real ones), counted
/// in elements: element i of lane l is at l * lane + i * step.
struct FftLayout {
  int64_t lane;
  int64_t step;
  int64_t lanes;  ///< at most kFftLanes; the others are 0
};

struct FftLoops {
  void (*pass)(float* to, const float* from, const FftPass& pass);

  /// Complex numbers to lanes, with the real and imaginary parts swapped if `swap`;
  /// and back, times `scale`.
  void (*load)(float* to, const float* from, int64_t n, const FftLayout& layout, bool swap);
  void (*store)(float* to, const float* from, int64_t n, const FftLayout& layout, bool swap,
                float scale);
  /// Real numbers to the real (0) or imaginary (1) parts of lanes, and back.
  void (*load_real)(float* to, const float* from, int64_t n, const FftLayout& layout, int part);
  void (*store_real)(float* to, const float* from, int64_t n, const FftLayout& layout, int part,
                     float scale);

  void (*swap_parts)(float* x, int64_t n);
  /// Element i times the complex number factors[i]; may be in place.
  void (*multiply)(float* to, const float* from, int64_t n, const float* factors);
  /// Element i times factors[i] times, lane by lane, rotations[i] (an element).
  void (*twist)(float* x, int64_t n, const float* factors, const float* rotations);

  /// From the transform of a + ib, a and b real and of length n: theirs, n / 2 + 1 elements each.
  void (*separate)(float* a, float* b, const float* both, int64_t n);
  /// The reverse, with real and imaginary parts of the result swapped.
  void (*join_swapped)(float* both, const float* a, const float* b, int64_t n);
};

extern const FftLoops kFftLoopsBase;
#if defined(__x86_64__)
extern const FftLoops kFftLoopsAvx2;
extern const FftLoops kFftLoopsAvx512;
#endif

}  // namespace mlx::core::cpu
