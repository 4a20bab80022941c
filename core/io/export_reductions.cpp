// Reductions, softmax, scans, sorting.

#include "mlx/core/base/error.h"
#include "mlx/core/io/export_table.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/reduce_ops.h"
#include "mlx/core/ops/sort.h"
#include "mlx/core/ops/sort_ops.h"
#include "mlx/core/utils.h"

namespace mlx::core::io {
namespace {

// MLX's numbers: all, any, sum, prod, min, max.
constexpr int kReduceNumbers[kReduceKinds] = {2, 3, 5, 4, 0, 1};  // by ReduceKind
// MLX's numbers: max, min, sum, prod, logaddexp.
constexpr int kScanNumbers[] = {2, 3, 0, 1, 4};  // by ScanKind

// ---- writing

std::vector<Id> write_reduce(Lowering& to, const WriteArgs& args) {
  const auto& [kind, axes, keepdims] = args.attrs.get<ReduceAttrs>();
  Shape shape = to.shape(args.in[0]);
  for (const int axis : axes) shape[axis] = 1;
  const Id all = to.add("Reduce", {kReduceNumbers[static_cast<int>(kind)], axes}, args.in,
                        {std::move(shape), args.out[0].dtype});
  return {keepdims ? all : to.squeeze(all, axes)};
}

std::vector<Id> write_variance(Lowering& to, const WriteArgs& args) {
  const auto& [axes, keepdims, ddof] = args.attrs.get<VarianceAttrs>();
  return to.add_as(formula_variance, args.op, args.attrs, {axes, keepdims, ddof}, args.in,
                   args.out);
}

std::vector<Id> write_arg_reduce(Lowering& to, const WriteArgs& args) {
  const auto& [axis, is_max] = args.attrs.get<ArgReduceAttrs>();
  return {to.add("ArgReduce", {static_cast<int>(is_max), axis}, args.in, args.out[0])};
}

std::vector<Id> write_softmax(Lowering& to, const WriteArgs& args) {
  const Dtype dtype = args.out[0].dtype;
  const bool precise = dtype == float16 || dtype == bfloat16;
  return {to.add("Softmax", {precise}, {to.cast(args.in[0], dtype)}, args.out[0])};
}

std::vector<Id> write_scan(Lowering& to, const WriteArgs& args) {
  const auto& [kind, axis, reverse, inclusive] = args.attrs.get<ScanAttrs>();
  return {to.add("Scan", {kScanNumbers[static_cast<int>(kind)], axis, reverse, inclusive}, args.in,
                 args.out[0])};
}

std::vector<Id> write_decaying_sum(Lowering& to, const WriteArgs& args) {
  const auto& [axis, backwards] = args.attrs.get<DecayingSumAttrs>();
  return {to.add(kDecayingSum.name, {axis, backwards}, args.in, args.out[0])};
}

std::vector<Id> write_sort(Lowering& to, const WriteArgs& args) {
  const auto& [axis, kth, indices] = args.attrs.get<SortAttrs>();
  if (kth < 0) {
    return {to.add(indices ? "ArgSort" : "Sort", {axis}, args.in, args.out[0])};
  }
  return {to.add(indices ? "ArgPartition" : "Partition", {static_cast<int>(kth), axis}, args.in,
                 args.out[0])};
}

std::vector<Id> write_search(Lowering& to, const WriteArgs& args) {
  return {
      to.add("SearchSorted", {args.attrs.get<SearchSortedAttrs>().right}, args.in, args.out[0])};
}

// ---- reading

void check_number(std::string_view name, int number, int count) {
  require(number >= 0 && number < count, "[import_function] Kind of ", name, ": got ", number,
          ", expected less than ", count, ".");
}

Arrays read_reduce(const ReadArgs& args) {
  using Reduction = array (*)(const array&, const std::vector<int>&, bool, StreamOrDevice);
  static constexpr Reduction kReductions[kReduceKinds] = {all, any, sum, prod, min, max};
  check_number("Reduce", args.integer(0), kReduceKinds);
  return {kReductions[args.integer(0)](args.in[0], args.integers(1), true, {})};
}

Arrays read_arg_reduce(const ReadArgs& args) {
  check_number("ArgReduce", args.integer(0), 2);
  return {args.integer(0) == 1 ? argmax(args.in[0], args.integer(1), true)
                               : argmin(args.in[0], args.integer(1), true)};
}

Arrays read_scan(const ReadArgs& args) {
  const array& x = args.in[0];
  const int axis = args.integer(1);
  const bool reverse = args.flag(2), inclusive = args.flag(3);
  check_number("Scan", args.integer(0), 5);
  switch (args.integer(0)) {
    case 0:
      return {cummax(x, axis, reverse, inclusive)};
    case 1:
      return {cummin(x, axis, reverse, inclusive)};
    case 2:
      return {cumsum(x, axis, reverse, inclusive, args.out[0].dtype)};
    case 3:
      return {cumprod(x, axis, reverse, inclusive, args.out[0].dtype)};
    default:
      return {logcumsumexp(x, axis, reverse, inclusive)};
  }
}

Arrays read_decaying_sum(const ReadArgs& args) {
  const array& x = args.in[0];
  const int axis = normalize_axis_index(args.integer(0), static_cast<int>(x.ndim()));
  require(x.shape() == args.in[1].shape() && x.dtype() == args.in[1].dtype() &&
              issubdtype(x.dtype(), inexact),
          "[import_function] DecayingSum takes two arrays of one shape and inexact dtype.");
  return {decaying_sum(x, args.in[1], axis, args.flag(1), to_stream({}))};
}

}  // namespace

std::span<const WriteRow> reduction_writers() {
  static constexpr WriteRow kRows[] = {
      {&kReduce[0], write_reduce},
      {&kReduce[1], write_reduce},
      {&kReduce[2], write_reduce},
      {&kReduce[3], write_reduce},
      {&kReduce[4], write_reduce},
      {&kReduce[5], write_reduce},
      {&kVariance, write_variance},
      {&kArgReduce, write_arg_reduce},
      {&kSoftmax, write_softmax},
      {&kScan, write_scan},
      {&kDecayingSum, write_decaying_sum},
      {&kSort, write_sort},
      {&kArgSort, write_sort},
      {&kSearchSorted, write_search},
  };
  return kRows;
}

std::span<const ReadRow> reduction_readers() {
  static constexpr ReadRow kRows[] = {
      {"Reduce", "iI", 1, 1, read_reduce},
      {"collective::Variance", "Ibi", 1, 1,
       [](const ReadArgs& a) -> Arrays {
         return {var(a.in[0], a.integers(0), a.flag(1), a.integer(2))};
       }},
      {"ArgReduce", "ii", 1, 1, read_arg_reduce},
      {"Softmax", "b", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {softmax(a.in[0], -1, a.flag(0))}; }},
      {"LogSumExp", "", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {logsumexp(a.in[0], -1, true)}; }},
      {"Scan", "iibb", 1, 1, read_scan},
      {"DecayingSum", "ib", 2, 2, read_decaying_sum},
      {"Sort", "i", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {sort(a.in[0], a.integer(0))}; }},
      {"ArgSort", "i", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {argsort(a.in[0], a.integer(0))}; }},
      {"Partition", "ii", 1, 1,
       [](const ReadArgs& a) -> Arrays {
         return {partition(a.in[0], a.integer(0), a.integer(1))};
       }},
      {"ArgPartition", "ii", 1, 1,
       [](const ReadArgs& a) -> Arrays {
         return {argpartition(a.in[0], a.integer(0), a.integer(1))};
       }},
      {"SearchSorted", "b", 2, 2,
       [](const ReadArgs& a) -> Arrays {
         return {searchsorted(a.in[0], a.in[1], a.flag(0) ? "right" : "left")};
       }},
  };
  return kRows;
}

}  // namespace mlx::core::io
