#pragma once

// The ops behind shape.h, for transforms and other families.

#include <cstdint>
#include <optional>
#include <vector>

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// Output axis i is input axis axes[i].
struct TransposeAttrs {
  std::vector<int> axes;
  bool operator==(const TransposeAttrs&) const = default;
};

/// Axes begin to end - 1.
struct AxisRange {
  int begin;
  int end;
  bool operator==(const AxisRange&) const = default;
};

/// The shape of the result of reshape and broadcast_to.
struct ShapeAttrs {
  Shape shape;
  /// Of a reshape that follows the sizes of its input: what each axis of the
  /// result merges. An empty range is a new axis of size 1; axes in no range
  /// have size 1 and go.
  std::optional<std::vector<AxisRange>> merged = {};
  bool operator==(const ShapeAttrs&) const = default;
};

/// Normalized: 0 <= start; `shape` elements from start on in steps of `strides`.
struct SliceAttrs {
  Shape start;
  Shape strides;
  Shape shape;
  bool operator==(const SliceAttrs&) const = default;
};

struct AsStridedAttrs {
  Shape shape;
  Strides strides;
  int64_t offset;
  bool operator==(const AsStridedAttrs&) const = default;
};

struct ViewAttrs {
  Dtype dtype;
  bool operator==(const ViewAttrs&) const = default;
};

struct ContiguousAttrs {
  bool allow_col_major;
  bool operator==(const ContiguousAttrs&) const = default;
};

/// Starts come from an array, one for each of `axes`.
struct DynamicSliceAttrs {
  std::vector<int> axes;
  Shape shape;
  bool operator==(const DynamicSliceAttrs&) const = default;
};

struct ConcatenateAttrs {
  int axis;
  bool operator==(const ConcatenateAttrs&) const = default;
};

/// The first `results` inputs are passed on, the others are waited for.
struct DependsAttrs {
  int results;
  bool operator==(const DependsAttrs&) const = default;
};

extern const Op kTranspose;
extern const Op kReshape;
extern const Op kBroadcast;
extern const Op kSlice;
extern const Op kAsStrided;
extern const Op kCopy;
extern const Op kView;
extern const Op kContiguous;
extern const Op kSliceUpdate;
extern const Op kDynamicSlice;
extern const Op kDynamicSliceUpdate;
extern const Op kConcatenate;
extern const Op kDepends;

/// In indexing_vmap.cpp: starts that are mapped are indices.
Mapped vmap_dynamic_slice(const VmapArgs& args);
Mapped vmap_dynamic_slice_update(const VmapArgs& args);

/// Axes without repetition, sorted and non-negative.
/// Errors: std::invalid_argument for an axis out of range or given twice.
std::vector<int> normalize_axes(const std::vector<int>& axes, int ndim, const char* op);

}  // namespace mlx::core
