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

/// `axes` are sorted, non-negative and at least one.
struct VarianceAttrs {
  std::vector<int> axes;
  bool keepdims;
  int ddof;
  bool operator==(const VarianceAttrs&) const = default;
};
/// Of float32: read once, computed in float64, rounded once.
extern const Op kVariance;
Arrays formula_variance(Inputs inputs, const Attrs& attrs, Stream stream);

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

struct DecayingSumAttrs {
  int axis;
  bool backwards;
  bool operator==(const DecayingSumAttrs&) const = default;
};
extern const Op kDecayingSum;

/// S_i = x_i + weights_i * S_before along the axis, where before is i - 1, or
/// i + 1 if it goes backwards; nothing is before the first.
array decaying_sum(const array& x, const array& weights, int axis, bool backwards, Stream s);

/// For each element the one behind it along the axis (`next`) or before it, at the end `edge`.
array neighbours(const array& x, int axis, bool next, const array& edge, Stream s);

}  // namespace mlx::core
