#pragma once

// Fourier transforms of rows: of one with all threads, or of many, a vector of
// lanes at a time.

#include <cstdint>

#include "mlx/core/cpu/fft_plan.h"

namespace mlx::core::cpu {

/// Where a row of complex numbers is, and how it is transformed.
struct FftRow {
  int64_t from_step = 1;  ///< complex numbers from one element to the next
  int64_t to_step = 1;
  bool inverse = false;
  float scale = 1;
};

/// One row; may be in place.
void fft_of_one(const FftPlan& plan, float* to, const float* from, const FftRow& row);

/// Row-contiguous arrays [outer][n][inner], transformed along n.
struct FftRows {
  int64_t outer;
  int64_t n;  ///< length of the transform
  int64_t inner;
  bool inverse = false;
  float scale = 1;
};

/// Complex to complex; may be in place.
void fft_complex(const FftRows& rows, float* to, const float* from);
/// Real [n] to complex [n / 2 + 1], forward.
void fft_from_real(const FftRows& rows, float* to, const float* from);
/// Complex [n / 2 + 1] to real [n], inverse. Imaginary parts that a real result excludes are
/// ignored.
void fft_to_real(const FftRows& rows, float* to, const float* from);

}  // namespace mlx::core::cpu
