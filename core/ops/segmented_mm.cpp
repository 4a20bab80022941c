// Products over segments of the inner axis.

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/linalg_matrices.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

Shape matrix_shape(Shape batch, ShapeElem rows, ShapeElem columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

Type infer_segmented_mm(Inputs in, const Attrs&) {
  Shape batch =
      broadcast_shapes(broadcast_shapes(batch_of(in[0]), batch_of(in[1])), batch_of(in[2]));
  batch.push_back(in[2].shape(-2));
  return {matrix_shape(std::move(batch), in[0].shape(-2), in[1].shape(-1)), in[0].dtype()};
}

Type infer_segmented_mm_left(Inputs in, const Attrs&) {
  Shape batch = batch_of(in[0]);
  batch.pop_back();
  batch = broadcast_shapes(broadcast_shapes(batch, batch_of(in[1])), batch_of(in[2]));
  return {matrix_shape(std::move(batch), in[0].shape(-2), in[1].shape(-2)), in[0].dtype()};
}

using linalg::adjoint;

array made(const Op& op, Arrays inputs, Stream s) {
  return make_node(op, std::move(inputs), Attrs(), s);
}

// The rows of the right matrix: the transpose of what the left one's would be.
array right_part(const array& g, const array& a, const array& segments, Stream s) {
  return adjoint(made(kSegmentedMmLeft, {adjoint(g, s), adjoint(a, s), segments}, s), s);
}

// The cotangent of the first input is `of_left` of the cotangent; the second's takes its rows from
// `outer` and `inner`.
Arrays cotangents_of(const VjpArgs& args, const Op& of_left, const array& outer,
                     const array& inner) {
  const Stream s = args.stream;
  const array &b = args.inputs[1], &segments = args.inputs[2];
  Arrays out;
  for (const int i : args.argnums) {
    const array& input = args.inputs[static_cast<size_t>(i)];
    out.push_back(i == 2 ? zeros_like(input, s)
                         : sum_to(i == 0 ? made(of_left, {args.cotangents[0], b, segments}, s)
                                         : right_part(outer, inner, segments, s),
                                  input.shape(), s));
  }
  return out;
}

Arrays vjp_segmented_mm(const VjpArgs& args) {
  return cotangents_of(args, kSegmentedMmLeft, args.cotangents[0], args.inputs[0]);
}

// At each pair's positions of h, the cotangent, the result is g b^T: h meets b in the cotangent of
// g, and g in b's.
Arrays vjp_segmented_mm_left(const VjpArgs& args) {
  return cotangents_of(args, kSegmentedMm, args.inputs[0], args.cotangents[0]);
}

Mapped vmap_segmented_mm(const VmapArgs& args) {
  return mapped_in_front({made(kSegmentedMm, aligned_in_front(args), args.stream)});
}

// The first input has an axis more than the others, that of the segments.
Mapped vmap_segmented_mm_left(const VmapArgs& args) {
  const auto own = [&](size_t i) {
    return args.inputs[i].ndim() - (is_mapped(args, i) ? 1 : 0) - (i == 0 ? 1 : 0);
  };
  const size_t axes = std::max({own(0), own(1), own(2)});
  return mapped_in_front({made(
      kSegmentedMmLeft,
      {in_front_of(args, 0, axes + 1), in_front_of(args, 1, axes), in_front_of(args, 2, axes)},
      args.stream)});
}

}  // namespace

constinit const Op kSegmentedMm{.name = "SegmentedMM",
                                .infer = infer_segmented_mm,
                                .vjp = vjp_segmented_mm,
                                .vmap = vmap_segmented_mm,
                                .holds_sizes = kAlways};
constinit const Op kSegmentedMmLeft{.name = "SegmentedMMLeft",
                                    .infer = infer_segmented_mm_left,
                                    .vjp = vjp_segmented_mm_left,
                                    .vmap = vmap_segmented_mm_left,
                                    .holds_sizes = kAlways};

array segmented_mm(array a, array b, array segments, StreamOrDevice s) {
  require(a.ndim() == 2 && b.ndim() == 2, "[segmented_mm] Got inputs with ", a.ndim(), " and ",
          b.ndim(), " axes, expected two matrices.");
  require(issubdtype(segments.dtype(), integer), "[segmented_mm] Dtype of the segments: got ",
          segments.dtype(), ", expected integers.");
  require(segments.ndim() > 0 && segments.shape(-1) == 2, "[segmented_mm] Segments: got shape ",
          segments.shape(), ", expected a last axis of 2.");
  const Dtype dtype = result_type(a, b);
  require(issubdtype(dtype, floating), "[segmented_mm] Dtype: got ", a.dtype(), " and ", b.dtype(),
          ", expected a real floating-point result.");
  check_product("segmented_mm", a, b);
  const Stream stream = to_stream(std::move(s));
  const ShapeElem count = static_cast<ShapeElem>(segments.size()) / 2;
  const array product = made(
      kSegmentedMm,
      {astype(a, dtype, stream), astype(b, dtype, stream), reshape(segments, {count, 2}, stream)},
      stream);
  Shape batch = segments.shape();
  batch.pop_back();
  return reshape(product, matrix_shape(std::move(batch), a.shape(0), b.shape(1)), stream);
}

}  // namespace mlx::core
