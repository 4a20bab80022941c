#pragma once

// The ops behind reduce.h.

#include <cstdint>
#include <vector>

#include "mlx/core/graph/op.h"

namespace mlx::core {

enum class ReduceKind : uint8_t { sum, prod, max, min, all, any };
inline constexpr int kReduceKinds = 6;

/// `axes` are sorted and non-negative.
struct ReduceAttrs {
  ReduceKind kind;
  std::vector<int> axes;
  bool keepdims;
  bool operator==(const ReduceAttrs&) const = default;
};
/// One op for each kind, in its order; all take a tile program as producer.
extern const Op kReduce[kReduceKinds];

/// Along one axis; the result keeps it, with one element.
struct ArgReduceAttrs {
  int axis;
  bool is_max;
  bool operator==(const ArgReduceAttrs&) const = default;
};
extern const Op kArgReduce;

/// Over the last axis.
extern const Op kSoftmax;

enum class ScanKind : uint8_t { sum, prod, max, min, logaddexp };
struct ScanAttrs {
  ScanKind kind;
  int axis;
  bool reverse;
  bool inclusive;
  bool operator==(const ScanAttrs&) const = default;
};
extern const Op kScan;

}  // namespace mlx::core
