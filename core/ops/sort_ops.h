#pragma once

// The ops behind sort.h.

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// Sorts along `axis`; with `kth` >= 0 only as far as that element is in place.
struct SortAttrs {
  int axis;
  int64_t kth;
  bool indices;
  bool operator==(const SortAttrs&) const = default;
};
extern const Op kSort;     // values
extern const Op kArgSort;  // indices

struct SearchSortedAttrs {
  bool right;
  bool operator==(const SearchSortedAttrs&) const = default;
};
/// Inputs: the sorted sequence and the values, of one dtype. The sequence can
/// have leading axes, which are then also the values'.
extern const Op kSearchSorted;

}  // namespace mlx::core
