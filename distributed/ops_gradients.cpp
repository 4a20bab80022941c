// Derivatives of the collectives. Most are collectives themselves: all_gather
// and sum_scatter, broadcast and reduce, gather and scatter belong to each
// other, all_to_all to its inverse.

#include <numeric>

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/distributed/collective_ops.h"

namespace mlx::core::distributed {
namespace {

array sum_of(const array& x, const CollectiveAttrs& like, Stream stream) {
  return collective(kAllReduce, x, {.group = like.group, .reduction = Reduction::sum}, stream);
}

array sum_at_root(const array& x, const CollectiveAttrs& like, Stream stream) {
  return collective(kReduce, x,
                    {.group = like.group, .reduction = Reduction::sum, .root = like.root}, stream);
}

array from_root(const array& x, const CollectiveAttrs& like, Stream stream) {
  return collective(kBroadcast, x, {.group = like.group, .root = like.root}, stream);
}

array holds_extremum(const array& x, const array& y) {
  return logical_or(equal(x, y), logical_and(isnan(x), isnan(y)));
}

// The product of the other ranks' values. Dividing the product by our own would
// fail for zeros, and where the product leaves the range of the dtype.
array product_of_others(const array& x, const CollectiveAttrs& a, Stream stream) {
  const int ranks = a.group->size();
  const array all =
      collective(kAllGather, expand_dims(x, 0), {.group = a.group, .varying = true}, stream);
  Shape column(all.ndim(), 1);
  column[0] = ranks;
  const array ours = reshape(equal(arange(ranks), array(a.group->rank())), column);
  return prod(where(ours, ones_like(all), all), 0);
}

// Rows of ranks that all give (get) as much as this one.
Rows equal_rows(const array& part, const CollectiveAttrs& a) {
  const int64_t rows = part.ndim() == 0 ? 1 : part.shape(0);
  return Rows(static_cast<size_t>(a.group->size()), rows);
}

}  // namespace

array together(const array& value, const array& other) {
  // `other` may be of any shape; the sum of nothing is nothing.
  return where(array(false), astype(sum(other), value.dtype()), value);
}

Arrays vjp_all_reduce(const VjpArgs& args) {
  const CollectiveAttrs& a = collective_attrs(args.attrs);
  const array &x = args.inputs[0], &g = args.cotangents[0];
  if (a.reduction == Reduction::sum) return {g};
  if (a.reduction == Reduction::prod) return {multiply(g, product_of_others(x, a, args.stream))};
  return {where(holds_extremum(x, args.outputs[0]), g, zeros_like(g))};
}

// Of max and min: the mean of the tangents of those who hold the value.
Arrays jvp_all_reduce(const JvpArgs& args) {
  const CollectiveAttrs& a = collective_attrs(args.attrs);
  const array &x = args.inputs[0], &t = args.tangents[0];
  if (a.reduction == Reduction::sum) return {sum_of(t, a, args.stream)};
  if (a.reduction == Reduction::prod) {
    return {sum_of(multiply(t, product_of_others(x, a, args.stream)), a, args.stream)};
  }
  const array mask = holds_extremum(x, args.outputs[0]);
  const array total = sum_of(where(mask, t, zeros_like(t)), a, args.stream);
  const array holders = sum_of(astype(mask, t.dtype()), a, args.stream);
  return {divide(total, holders)};
}

Arrays vjp_reduce(const VjpArgs& args) {
  const CollectiveAttrs& a = collective_attrs(args.attrs);
  const array& x = args.inputs[0];
  const array g = from_root(args.cotangents[0], a, args.stream);
  if (a.reduction == Reduction::sum) return {g};
  if (a.reduction == Reduction::prod) return {multiply(g, product_of_others(x, a, args.stream))};
  const array y = from_root(args.outputs[0], a, args.stream);
  return {where(holds_extremum(x, y), g, zeros_like(g))};
}

Arrays jvp_reduce(const JvpArgs& args) {
  const CollectiveAttrs& a = collective_attrs(args.attrs);
  const array &x = args.inputs[0], &t = args.tangents[0];
  if (a.reduction == Reduction::sum) return {sum_at_root(t, a, args.stream)};
  if (a.reduction == Reduction::prod) {
    return {sum_at_root(multiply(t, product_of_others(x, a, args.stream)), a, args.stream)};
  }
  const array mask = holds_extremum(x, from_root(args.outputs[0], a, args.stream));
  const array total = sum_at_root(where(mask, t, zeros_like(t)), a, args.stream);
  const array holders = sum_at_root(astype(mask, t.dtype()), a, args.stream);
  if (a.group->rank() == a.root) return {divide(total, holders)};
  return {together(total, holders)};
}

// This rank's part of the cotangent, summed over the ranks if it varies.
Arrays vjp_all_gather(const VjpArgs& args) {
  const CollectiveAttrs& a = collective_attrs(args.attrs);
  const array &x = args.inputs[0], &g = args.cotangents[0];
  const Rows rows = a.from_each.empty() ? equal_rows(x, a) : a.from_each;
  if (a.varying) {
    const CollectiveAttrs back{.group = a.group, .reduction = Reduction::sum, .to_each = rows};
    return {reshape(collective(kSumScatter, g, back, args.stream), x.shape())};
  }
  const auto first = rows.begin() + a.group->rank();
  Shape start(g.ndim(), 0);
  Shape stop = g.shape();
  start[0] = std::accumulate(rows.begin(), first, int64_t{0});
  stop[0] = start[0] + *first;
  return {reshape(slice(g, start, stop), x.shape())};
}

Arrays vjp_sum_scatter(const VjpArgs& args) {
  const CollectiveAttrs& a = collective_attrs(args.attrs);
  const CollectiveAttrs back{.group = a.group, .from_each = a.to_each, .varying = true};
  return {collective(kAllGather, args.cotangents[0], back, args.stream)};
}

Arrays vjp_broadcast(const VjpArgs& args) {
  return {sum_at_root(args.cotangents[0], collective_attrs(args.attrs), args.stream)};
}

Arrays vjp_gather(const VjpArgs& args) {
  const CollectiveAttrs& a = collective_attrs(args.attrs);
  const array& x = args.inputs[0];
  const CollectiveAttrs back{.group = a.group,
                             .root = a.root,
                             .to_each = a.from_each.empty() ? equal_rows(x, a) : a.from_each};
  return {reshape(collective(kScatter, args.cotangents[0], back, args.stream), x.shape())};
}

Arrays vjp_scatter(const VjpArgs& args) {
  const CollectiveAttrs& a = collective_attrs(args.attrs);
  const array& x = args.inputs[0];
  const CollectiveAttrs back{
      .group = a.group,
      .root = a.root,
      .from_each = a.to_each.empty() ? equal_rows(args.outputs[0], a) : a.to_each};
  const array gathered = collective(kGather, args.cotangents[0], back, args.stream);
  return {a.group->rank() == a.root ? gathered : together(zeros_like(x), gathered)};
}

Arrays vjp_all_to_all(const VjpArgs& args) {
  CollectiveAttrs back = collective_attrs(args.attrs);
  std::swap(back.to_each, back.from_each);
  return {collective(kAllToAll, args.cotangents[0], back, args.stream)};
}

Mapped vmap_rows(const Op& op, const VmapArgs& args) {
  const array& x = args.inputs[0];
  const array behind =
      x.ndim() == 1 ? expand_dims(x, 0) : moveaxis(x, args.axes[0], 1);  // of scalars, or rows
  return {{collective(op, behind, collective_attrs(args.attrs), args.stream)}, {1}};
}

}  // namespace mlx::core::distributed
