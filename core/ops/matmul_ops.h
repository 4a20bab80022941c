#pragma once

// The ops behind matmul.h.

#include <optional>
#include <string_view>
#include <vector>

#include "mlx/core/graph/op.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// alpha a b + beta c
struct AddmmAttrs {
  float alpha;
  float beta;
  bool operator==(const AddmmAttrs&) const = default;
};

/// The matrices of the result.
struct GatherMmAttrs {
  ShapeElem count;
  bool operator==(const GatherMmAttrs&) const = default;
};

struct BlockMaskedMmAttrs {
  int block;
  bool operator==(const BlockMaskedMmAttrs&) const = default;
};

/// Inputs a, b of one dtype, at least two axes each.
extern const Op kMatmul;
/// Inputs c, a, b of one dtype; c broadcasts to the product.
extern const Op kAddmm;
/// Inputs a [A, m, k], b [B, k, n] of one dtype and integers l, r, t, all [p]:
/// result [count, m, n], at t the sum of a[l] b[r].
extern const Op kGatherMm;
/// Inputs a [..., m, k], b [..., k, n] of one dtype, masks of the blocks of the
/// result, of a and of b (bool or that dtype), of as many axes.
extern const Op kBlockMaskedMm;
/// Inputs a [..., m, k], b [..., k, n] of one dtype, integers [..., s, 2] of as
/// many axes: result [..., s, m, n], the products over the inner positions
/// that each pair bounds.
extern const Op kSegmentedMm;
/// The part of its derivative: inputs g [..., s, m, n], b [..., k, n], the same
/// integers: result [..., m, k], at the positions of each pair the sum of g b^T.
extern const Op kSegmentedMmLeft;

struct HadamardAttrs {
  double scale;
  bool transposed;
  bool operator==(const HadamardAttrs&) const = default;
};
/// Along the last axis; float dtypes.
extern const Op kHadamard;

// ---- what products share

/// Errors: std::invalid_argument unless the matrices a and b can be multiplied.
void check_product(std::string_view op, const array& a, const array& b);

/// Vectors as matrices: the left one as a row, the right one as a column.
struct Matrices {
  array a;
  array b;
  std::vector<int> vectors;  // axes of the product that are not in the result
};

/// Errors: std::invalid_argument on scalars, in the name of `op`.
Matrices as_matrices(std::string_view op, const array& a, const array& b, StreamOrDevice s);
array drop_axes(const array& product, const std::vector<int>& axes, StreamOrDevice s);

/// The axes before the last two, and those as one.
Shape batch_of(const array& x);
array flat_batch(const array& x, Stream s);

/// Indices into the batches of `x` and `w`, in one shape; without any, each matrix once.
/// Errors: std::invalid_argument unless they are integers and broadcast together.
Arrays checked_indices(std::string_view op, const array& x, const array& w,
                       const std::optional<array>& lhs, const std::optional<array>& rhs, Stream s);

/// For vmap: indices, input number `input`, into a batch of `size` elements; if the
/// batch is `mapped` too, into one such batch after the other.
array indices_in_front(const VmapArgs& args, size_t input, ShapeElem size, bool mapped);

}  // namespace mlx::core
