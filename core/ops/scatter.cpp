// Writing at indices: scatter and its kin.

#include <algorithm>
#include <cstdint>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/indexing_ops.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/utils.h"

namespace mlx::core {
namespace {

Type infer_like_first(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

/// Both kinds of scatter, as the rules below need them: read(x) gives the
/// elements of x at the updates' places, write(x, u) a scatter of the same kind.
struct Places {
  std::vector<array> indices;
  std::vector<int> axes;
  bool along;
  Shape slice;
  Stream stream;

  array read(const array& x) const {
    return along ? take_along_axis(x, indices[0], axes[0], stream)
                 : gather(x, indices, axes, slice, stream);
  }
  array write(const array& x, const array& updates, ScatterMode mode) const {
    std::vector<array> inputs{x};
    inputs.insert(inputs.end(), indices.begin(), indices.end());
    inputs.push_back(updates);
    return along ? make_node(kScatterAlong, std::move(inputs),
                             Attrs(ScatterAlongAttrs{axes[0], mode}), stream)
                 : make_node(kScatter, std::move(inputs), Attrs(ScatterAttrs{axes, mode}), stream);
  }
};

array gate(const array& g, const array& condition, Stream s) {
  return multiply(g, astype(condition, g.dtype(), s), s);
}

// An update's factor is everything else that is multiplied into its place.
// Zeros are counted apart, so that the rest can be divided.
array prod_cotangent(const Places& places, const array& a, const array& updates, const array& g) {
  const Stream s = places.stream;
  const array is_zero = equal(updates, array(0, updates.dtype()), s);
  const array factors = where(is_zero, array(1, updates.dtype()), updates, s);
  const array product = places.write(a, factors, ScatterMode::prod);
  const array zeros_here = astype(is_zero, int32, s);
  const array zeros_there =
      places.read(places.write(zeros(a.shape(), int32, s), zeros_here, ScatterMode::add));
  const array others =
      divide(places.read(multiply(g, conjugate(product, s), s)), conjugate(factors, s), s);
  return gate(others, equal(zeros_there, zeros_here, s), s);
}

array array_cotangent(const Places& places, const VjpArgs& args, ScatterMode mode) {
  const array& g = args.cotangents[0];
  const array& updates = args.inputs.back();
  const Stream s = args.stream;
  switch (mode) {
    case ScatterMode::assign:
      return places.write(g, zeros_like(updates, s), ScatterMode::assign);
    case ScatterMode::add:
      return g;
    case ScatterMode::prod:
      return multiply(g, conjugate(places.write(ones_like(g, s), updates, ScatterMode::prod), s),
                      s);
    default:
      return gate(g, equal(args.inputs[0], args.outputs[0], s), s);
  }
}

array updates_cotangent(const Places& places, const VjpArgs& args, ScatterMode mode) {
  const array& g = args.cotangents[0];
  const array& updates = args.inputs.back();
  switch (mode) {
    case ScatterMode::assign:
    case ScatterMode::add:
      return places.read(g);
    case ScatterMode::prod:
      return prod_cotangent(places, args.inputs[0], updates, g);
    default:
      return gate(places.read(g), equal(updates, places.read(args.outputs[0]), args.stream),
                  args.stream);
  }
}

Arrays cotangents(const Places& places, const VjpArgs& args, ScatterMode mode) {
  Arrays out;
  for (int arg : args.argnums) {
    const auto at = static_cast<size_t>(arg);
    out.push_back(at == 0                        ? array_cotangent(places, args, mode)
                  : at + 1 == args.inputs.size() ? updates_cotangent(places, args, mode)
                                                 : zeros_like(args.inputs[at], args.stream));
  }
  return out;
}

Arrays vjp_scatter(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<ScatterAttrs>();
  const Shape& updates = args.inputs.back().shape();
  const Places places{{args.inputs.begin() + 1, args.inputs.end() - 1},
                      attrs.axes,
                      false,
                      Shape(updates.end() - args.inputs[0].ndim(), updates.end()),
                      args.stream};
  return cotangents(places, args, attrs.mode);
}

Arrays vjp_scatter_along(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<ScatterAlongAttrs>();
  return cotangents({{args.inputs[1]}, {attrs.axis}, true, {}, args.stream}, args, attrs.mode);
}

// ---- building

array scatter_with(const array& a, const std::vector<array>& indices, const array& updates,
                   std::vector<int> axes, ScatterMode mode, const char* op, StreamOrDevice s) {
  std::vector<array> inputs = check_indices(a, indices, axes, op, s);
  const Shape index_shape = inputs.empty() ? Shape{} : inputs[0].shape();
  require(updates.ndim() == index_shape.size() + a.ndim(), "[", op,
          "] Number of dimensions of the updates: got ", updates.ndim(), ", expected ",
          index_shape.size(), " of the indices and ", a.ndim(), " of the array.");
  for (size_t d = 0; d < updates.ndim(); ++d) {
    const bool of_index = d < index_shape.size();
    const ShapeElem limit = of_index ? index_shape[d] : a.shape()[d - index_shape.size()];
    const ShapeElem size = updates.shape()[d];
    require(of_index ? size == limit : size <= limit, "[", op, "] Size of axis ", d,
            " of the updates: got ", size, ", expected ", of_index ? "" : "at most ", limit, ".");
  }
  inputs.insert(inputs.begin(), a);
  inputs.push_back(astype(updates, a.dtype(), s));
  return make_node(kScatter, std::move(inputs), Attrs(ScatterAttrs{std::move(axes), mode}),
                   to_stream(std::move(s)));
}

array scatter_along(const array& a, const array& indices, const array& values, int axis,
                    ScatterMode mode, const char* op, StreamOrDevice s) {
  check_index(indices, op);
  require(indices.ndim() == a.ndim(), "[", op, "] Number of dimensions of the indices: got ",
          indices.ndim(), ", expected ", a.ndim(), ".");
  axis = normalize_axis_index(axis, rank_of(a), concat("[", op, "] "));
  Shape shape = a.shape();
  shape[axis] = indices.shape()[axis];
  const array updates = broadcast_to(astype(values, a.dtype(), s), shape, s);
  return make_node(kScatterAlong, {a, broadcast_to(indices, shape, s), updates},
                   Attrs(ScatterAlongAttrs{axis, mode}), to_stream(s));
}

}  // namespace

constinit const Op kScatter{.name = "Scatter",
                            .infer = infer_like_first,
                            .vjp = vjp_scatter,
                            .vmap = vmap_scatter,
                            .holds_sizes = kAlways};
constinit const Op kScatterAlong{.name = "ScatterAlongAxis",
                                 .infer = infer_like_first,
                                 .vjp = vjp_scatter_along,
                                 .vmap = vmap_scatter_along,
                                 .holds_sizes = kAlways};

// scatter and its combining kin differ only in the mode.
#define MLX_SCATTER(name, mode)                                                                 \
  array name(const array& a, const std::vector<array>& indices, const array& updates,           \
             const std::vector<int>& axes, StreamOrDevice s) {                                  \
    return scatter_with(a, indices, updates, axes, ScatterMode::mode, #name, std::move(s));     \
  }                                                                                             \
  array name(const array& a, const array& indices, const array& updates, int axis,              \
             StreamOrDevice s) {                                                                \
    return scatter_with(a, {indices}, updates, {axis}, ScatterMode::mode, #name, std::move(s)); \
  }
MLX_SCATTER(scatter, assign)
MLX_SCATTER(scatter_add, add)
MLX_SCATTER(scatter_prod, prod)
MLX_SCATTER(scatter_max, max)
MLX_SCATTER(scatter_min, min)
#undef MLX_SCATTER

array put_along_axis(const array& a, const array& indices, const array& values, int axis,
                     StreamOrDevice s) {
  return scatter_along(a, indices, values, axis, ScatterMode::assign, "put_along_axis",
                       std::move(s));
}

array scatter_add_axis(const array& a, const array& indices, const array& values, int axis,
                       StreamOrDevice s) {
  return scatter_along(a, indices, values, axis, ScatterMode::add, "scatter_add_axis",
                       std::move(s));
}

array masked_scatter(const array& a, const array& mask, const array& src, StreamOrDevice s) {
  require(mask.dtype() == bool_, "[masked_scatter] Mask dtype: got ", mask.dtype(),
          ", expected bool.");
  require(mask.ndim() <= a.ndim() &&
              std::equal(mask.shape().begin(), mask.shape().end(), a.shape().begin()),
          "[masked_scatter] Mask shape: got ", mask.shape(), ", expected the leading axes of ",
          a.shape(), ".");
  const array values = astype(src, a.dtype(), s);
  Shape expanded = mask.shape();
  expanded.resize(a.ndim(), 1);
  const array chosen = broadcast_to(reshape(mask, std::move(expanded), s), a.shape(), s);
  if (src.ndim() == 0 || src.size() == 0 || a.size() == 0) {
    return src.size() == 0 ? a : where(chosen, values, a, s);
  }
  // The n-th chosen element gets the n-th value.
  const Dtype counter = a.size() < INT32_MAX ? int32 : int64;
  const array flat = astype(flatten(chosen, s), counter, s);
  const array rank = multiply(flat, cumsum(flat, 0, false, false, s), s);
  return where(chosen, reshape(take(values, rank, s), a.shape(), s), a, s);
}

}  // namespace mlx::core
