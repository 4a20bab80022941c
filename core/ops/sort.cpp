#include "mlx/core/ops/sort.h"

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/reduction_axes.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/sort_ops.h"

namespace mlx::core {
namespace {

// ---- graph building

constexpr int64_t kEverything = -1;

Type infer_sort(Inputs in, const Attrs& attrs) {
  const auto& a = attrs.get<SortAttrs>();
  require(in[0].shape()[a.axis] <= UINT32_MAX, "[sort] Axis ", a.axis, " of shape ", in[0].shape(),
          " is longer than uint32 indices reach.");
  return {in[0].shape(), a.indices ? uint32 : in[0].dtype()};
}

bool is_partition(const Attrs& attrs) { return attrs.get<SortAttrs>().kth != kEverything; }

array sort_along(const array& a, int axis, int64_t kth, bool indices, Stream s) {
  return make_node(indices ? kArgSort : kSort, {a}, Attrs(SortAttrs{axis, kth, indices}), s);
}

array partition_along(const array& a, int64_t kth, int axis, bool indices, const char* op,
                      StreamOrDevice s) {
  axis = checked_axis(axis, a, op);
  const int64_t size = a.shape()[axis];
  require(kth >= -size && kth < size, "[", op, "] kth: got ", kth, " for axis ", axis, " of shape ",
          a.shape(), ".");
  return sort_along(a, axis, kth < 0 ? kth + size : kth, indices, to_stream(s));
}

// ---- derivatives

// The kernel permutes values and indices alike.
array permutation_of(const array& x, const Attrs& attrs, Stream s) {
  const auto& a = attrs.get<SortAttrs>();
  return sort_along(x, a.axis, a.kth, true, s);
}

Arrays vjp_sort(const VjpArgs& args) {
  const Stream s = args.stream;
  const array& x = args.inputs[0];
  return {scatter_add_axis(zeros_like(x, s), permutation_of(x, args.attrs, s), args.cotangents[0],
                           args.attrs.get<SortAttrs>().axis, s)};
}

Arrays jvp_sort(const JvpArgs& args) {
  const array order = permutation_of(args.inputs[0], args.attrs, args.stream);
  return {take_along_axis(args.tangents[0], order, args.attrs.get<SortAttrs>().axis, args.stream)};
}

Mapped vmap_sort(const VmapArgs& args) {
  SortAttrs attrs = args.attrs.get<SortAttrs>();
  ++attrs.axis;
  return map_in_front(attrs.indices ? kArgSort : kSort, args, Attrs(attrs));
}

// Indices do not change with small changes of the values.
Arrays vjp_of_indices(const VjpArgs& args) {
  Arrays zeros;
  for (int i : args.argnums) {
    zeros.push_back(zeros_like(args.inputs[static_cast<size_t>(i)], args.stream));
  }
  return zeros;
}

Type infer_search_sorted(Inputs in, const Attrs&) { return {in[1].shape(), uint32}; }

Mapped vmap_search_sorted(const VmapArgs& args) {
  const bool one_sequence = !is_mapped(args, 0) && args.inputs[0].ndim() == 1;
  if (one_sequence) {  // then the shape of the values does not matter
    return {{make_node(kSearchSorted, {args.inputs[0], args.inputs[1]}, args.attrs, args.stream)},
            {args.axes[1]}};
  }
  return map_in_front(kSearchSorted, args, args.attrs);
}

}  // namespace

constinit const Op kSort{.name = "Sort",
                         .infer = infer_sort,
                         .vjp = vjp_sort,
                         .jvp = jvp_sort,
                         .vmap = vmap_sort,
                         .holds_sizes = is_partition};
constinit const Op kArgSort{.name = "ArgSort",
                            .infer = infer_sort,
                            .vjp = vjp_of_indices,
                            .vmap = vmap_sort,
                            .holds_sizes = is_partition};
constinit const Op kSearchSorted{.name = "SearchSorted",
                                 .infer = infer_search_sorted,
                                 .vjp = vjp_of_indices,
                                 .vmap = vmap_search_sorted};

// ---- sort

array sort(const array& a, int axis, StreamOrDevice s) {
  return sort_along(a, checked_axis(axis, a, "sort"), kEverything, false, to_stream(s));
}
array sort(const array& a, StreamOrDevice s) { return sort(flatten(a, s), 0, s); }

array argsort(const array& a, int axis, StreamOrDevice s) {
  return sort_along(a, checked_axis(axis, a, "argsort"), kEverything, true, to_stream(s));
}
array argsort(const array& a, StreamOrDevice s) { return argsort(flatten(a, s), 0, s); }

// ---- selection

array partition(const array& a, int kth, int axis, StreamOrDevice s) {
  return partition_along(a, kth, axis, false, "partition", s);
}
array partition(const array& a, int kth, StreamOrDevice s) {
  return partition(flatten(a, s), kth, 0, s);
}

array argpartition(const array& a, int kth, int axis, StreamOrDevice s) {
  return partition_along(a, kth, axis, true, "argpartition", s);
}
array argpartition(const array& a, int kth, StreamOrDevice s) {
  return argpartition(flatten(a, s), kth, 0, s);
}

array topk(const array& a, int k, int axis, StreamOrDevice s) {
  axis = checked_axis(axis, a, "topk");
  const int64_t size = a.shape()[axis];
  require(k >= 0 && k <= size, "[topk] k: got ", k, " for axis ", axis, " of shape ", a.shape(),
          ".");
  if (k == size) {
    return a;
  }
  Shape start(a.ndim(), 0);
  start[axis] = size - k;
  const array parts = k == 0 ? a : partition_along(a, size - k, axis, false, "topk", s);
  return slice(parts, start, a.shape(), s);
}
array topk(const array& a, int k, StreamOrDevice s) { return topk(flatten(a, s), k, 0, s); }

// ---- search

array searchsorted(const array& sorted_sequence, const array& values, const std::string& side,
                   StreamOrDevice s) {
  require(sorted_sequence.ndim() == 1, "[searchsorted] Sequence of shape ", sorted_sequence.shape(),
          ", expected one dimension.");
  require(sorted_sequence.size() <= UINT32_MAX,
          "[searchsorted] The sequence is longer than uint32 indices reach.");
  require(side == "left" || side == "right", "[searchsorted] Side: got '", side,
          "', expected 'left' or 'right'.");
  const Dtype dtype = result_type(sorted_sequence, values);
  return make_node(kSearchSorted, {astype(sorted_sequence, dtype, s), astype(values, dtype, s)},
                   Attrs(SearchSortedAttrs{side == "right"}), to_stream(s));
}

}  // namespace mlx::core
