// Products of chosen matrices. One operation is its own derivative: the
// cotangent of a is g b^T at the places a came from, and so on.

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/linalg_matrices.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

// The index arrays among the inputs.
constexpr size_t kLeft = 2, kRight = 3, kPlaces = 4;

Type infer_gather_mm(Inputs in, const Attrs& attrs) {
  return {{attrs.get<GatherMmAttrs>().count, in[0].shape(1), in[1].shape(2)}, in[0].dtype()};
}

array product(Arrays inputs, ShapeElem count, Stream s) {
  return make_node(kGatherMm, std::move(inputs), Attrs(GatherMmAttrs{count}), s);
}

using linalg::adjoint;

Arrays vjp_gather_mm(const VjpArgs& args) {
  const Stream s = args.stream;
  const array &a = args.inputs[0], &b = args.inputs[1], &g = args.cotangents[0];
  const array &l = args.inputs[kLeft], &r = args.inputs[kRight], &t = args.inputs[kPlaces];
  Arrays out;
  for (const int i : args.argnums) {
    if (i == 0) {
      out.push_back(product({g, adjoint(b, s), t, r, l}, a.shape(0), s));
    } else if (i == 1) {
      out.push_back(product({adjoint(a, s), g, l, t, r}, b.shape(0), s));
    } else {
      out.push_back(zeros_like(args.inputs[static_cast<size_t>(i)], s));
    }
  }
  return out;
}

Mapped vmap_gather_mm(const VmapArgs& args) {
  const Stream s = args.stream;
  const ShapeElem count = args.attrs.get<GatherMmAttrs>().count, size = mapped_size(args);
  const auto matrices = [&](size_t i) {
    return is_mapped(args, i) ? flatten(in_front(args, i), 0, 1, s) : args.inputs[i];
  };
  const auto indices = [&](size_t i, ShapeElem into, bool mapped) {
    return flatten(indices_in_front(args, i, into, mapped), s);
  };
  const auto length = [&](size_t i) {
    return static_cast<ShapeElem>(args.inputs[i].shape(args.axes[i] == 0 ? 1 : 0));
  };
  const array all =
      product({matrices(0), matrices(1), indices(kLeft, length(0), is_mapped(args, 0)),
               indices(kRight, length(1), is_mapped(args, 1)), indices(kPlaces, count, true)},
              size * count, s);
  return mapped_in_front({unflatten(all, 0, {size, count}, s)});
}

}  // namespace

constinit const Op kGatherMm{.name = "GatherMM",
                             .infer = infer_gather_mm,
                             .vjp = vjp_gather_mm,
                             .vmap = vmap_gather_mm,
                             .holds_sizes = kAlways};

array gather_mm(array a, array b, std::optional<array> lhs_indices,
                std::optional<array> rhs_indices, bool sorted_indices, StreamOrDevice s) {
  static_cast<void>(sorted_indices);  // pairs of one matrix are found in any order
  const Stream stream = to_stream(std::move(s));
  const auto [left, right, vectors] = as_matrices("gather_mm", a, b, stream);
  const Dtype dtype = result_type(a, b);
  require(issubdtype(dtype, floating), "[gather_mm] Dtype: got ", a.dtype(), " and ", b.dtype(),
          ", expected a real floating-point result.");
  check_product("gather_mm", left, right);
  if (!lhs_indices && !rhs_indices) return matmul(astype(a, dtype, stream), b, stream);
  const Arrays indices =
      checked_indices("gather_mm", left, right, lhs_indices, rhs_indices, stream);
  const auto count = static_cast<ShapeElem>(indices[0].size());
  const array all =
      product({flat_batch(astype(left, dtype, stream), stream),
               flat_batch(astype(right, dtype, stream), stream), flatten(indices[0], stream),
               flatten(indices[1], stream), arange(static_cast<double>(count), int64, stream)},
              count, stream);
  Shape shape = indices[0].shape();
  shape.push_back(all.shape(1));
  shape.push_back(all.shape(2));
  return drop_axes(reshape(all, std::move(shape), stream), vectors, stream);
}

}  // namespace mlx::core
