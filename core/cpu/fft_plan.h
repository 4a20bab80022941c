#pragma once

// How a Fourier transform of a length is computed: what depends on the length
// only, made once and kept for the next transform.

#include <cstdint>
#include <memory>
#include <vector>

#include "mlx/core/cpu/fft_loops.h"

namespace mlx::core::cpu {

class FftPlan;
using FftPlanPtr = std::shared_ptr<const FftPlan>;

/// Longer ones do not fit the second-level cache as lanes.
inline constexpr int64_t kLongestFftLanes = 16384;
/// Shorter ones gain nothing from being split.
inline constexpr int64_t kShortestFftSplit = 256;

class FftPlan {
 public:
  /// n = first * second (Bailey's four steps): `second` transforms of length
  /// `first` over the columns, factors, and `first` of length `second`.
  struct Split {
    FftPlanPtr first, second;
    std::vector<float> rotations;  ///< element [first] of lane l: root(k * l)
    /// The factors of column `column` and the lanes after it, before the rotations.
    void factors(float* out, int64_t column) const;

    int64_t n;
    int64_t fine_count;
    std::vector<double> coarse, fine;  ///< root(i * fine_count) and root(i)
  };

  /// A length with a large prime factor (Bluestein): a convolution with a chirp,
  /// by transforms of a power of two.
  struct Chirp {
    FftPlanPtr power;
    std::vector<float> chirp;   ///< complex [n]
    std::vector<float> filter;  ///< complex [power]: the transform of its conjugate, scaled
  };

  /// `n` is positive.
  static FftPlanPtr of(int64_t n);
  explicit FftPlan(int64_t n);

  int64_t length() const { return n_; }
  const Split* split() const { return split_.get(); }
  const Chirp* chirp() const { return chirp_.get(); }

  /// Whether run() can be used.
  bool has_lanes() const;
  /// Elements that each buffer of run() holds.
  int64_t buffer_elements() const;
  /// Transforms the lanes in `x`; uses both buffers and returns the one with the result.
  float* run(float* x, float* other) const;

 private:
  void make_passes(const std::vector<int>& radices);
  void make_split();
  void make_chirp();

  const int64_t n_;
  std::vector<FftPass> passes_;
  std::vector<std::vector<float>> twiddles_;  // of each pass
  std::unique_ptr<Split> split_;
  std::unique_ptr<Chirp> chirp_;
};

/// The loops for this machine.
const FftLoops& fft_loops();

}  // namespace mlx::core::cpu
