#pragma once

#include <vector>

#include "mlx/core/graph/op.h"

namespace mlx::core {

enum class FftKind : uint8_t { complex, from_real, to_real };

/// Input: complex64, or float32 if from_real; complex64 results, or float32 if to_real.
struct FftAttrs {
  FftKind kind;
  std::vector<int> axes;  ///< not negative, each once; the last is the real one
  bool inverse;           ///< of from_real false, of to_real true
  ShapeElem last;         ///< to_real: size of the last of the axes in the result; otherwise 0
  double scale;           ///< of the result
  bool operator==(const FftAttrs&) const = default;
};

/// Discrete Fourier transforms along axes.
extern const Op kFft;

}  // namespace mlx::core
