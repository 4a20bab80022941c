// Products of chosen, masked and segmented matrices; Hadamard matrices.

#include <algorithm>
#include <bit>
#include <cmath>

#include "mlx/core/io/export_table.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core::io {
namespace {

// ---- what MLX composes

// Whether each inner position is in each segment: [..., s, k].
array inside(const array& segments, ShapeElem k, Stream s) {
  const array position = arange(static_cast<double>(k), segments.dtype(), s);
  const Arrays bounds = split(segments, 2, -1, s);
  return logical_and(greater_equal(position, bounds[0], s), less(position, bounds[1], s), s);
}

array zeros_outside(const array& x, const array& is_inside, Stream s) {
  return where(is_inside, x, array(0, x.dtype()), s);
}

Arrays formula_segmented(Inputs in, const Attrs&, Stream s) {
  const array in_segment = inside(in[2], in[0].shape(-1), s);
  const array a = zeros_outside(expand_dims(in[0], -3, s), expand_dims(in_segment, -2, s), s);
  const array b = zeros_outside(expand_dims(in[1], -3, s), expand_dims(in_segment, -1, s), s);
  return {matmul(a, b, s)};
}

Arrays formula_segmented_left(Inputs in, const Attrs&, Stream s) {
  const array in_segment = inside(in[2], in[1].shape(-2), s);
  const array b = expand_dims(swapaxes(in[1], -1, -2, s), -3, s);
  return {sum(zeros_outside(matmul(in[0], b, s), expand_dims(in_segment, -2, s), s), -3, false, s)};
}

// A row of the identity becomes a column of the matrix.
Arrays formula_hadamard_transposed(Inputs in, const Attrs& attrs, Stream s) {
  const auto n = static_cast<int>(in[0].shape(-1));
  array columns = hadamard_transform(eye(n, in[0].dtype()),
                                     static_cast<float>(attrs.get<HadamardAttrs>().scale));
  columns.eval();
  return {matmul(in[0], transpose(columns, s), s)};
}

// ---- writing

// Products of pairs, added up at their places.
std::vector<Id> write_gather_mm(Lowering& to, const WriteArgs& args) {
  const Type& out = args.out[0];
  const auto body = [&]() -> std::vector<Id> {
    const Shape& pairs = to.shape(args.in[2]);
    const Shape each{pairs[0], out.shape[1], out.shape[2]};
    const Id products =
        to.add("GatherMM", {false, false},
               {args.in[0], args.in[1], to.cast(args.in[2], uint32), to.cast(args.in[3], uint32)},
               {each, out.dtype});
    const Id updates = to.reshape(products, {each[0], 1, each[1], each[2]});
    const Id none = to.broadcast(to.scalar(0, out.dtype), out.shape);
    return {to.add("Scatter", {2, std::vector<int>{0}}, {none, args.in[4], updates}, out)};
  };
  return to.add_noted(args.op, {}, args.in, args.out, body);
}

std::vector<Id> write_block_masked(Lowering& to, const WriteArgs& args) {
  std::vector<Id> in;
  for (const Id x : args.in) in.push_back(in_batch(to, x, args.out[0].shape));
  return {to.add("BlockMaskedMM", {args.attrs.get<BlockMaskedMmAttrs>().block}, std::move(in),
                 args.out[0])};
}

// Sylvester's matrix is symmetric.
std::vector<Id> write_hadamard(Lowering& to, const WriteArgs& args) {
  const auto& [scale, transposed] = args.attrs.get<HadamardAttrs>();
  const auto n = static_cast<uint64_t>(args.out[0].shape.end()[-1]);
  if (transposed && !std::has_single_bit(n)) {
    return to.add_as(formula_hadamard_transposed, args.op, args.attrs, {scale}, args.in, args.out);
  }
  return {to.add("Hadamard", {static_cast<float>(scale)}, args.in, args.out[0])};
}

// ---- reading

// What the operations behind the public functions take, which check more than they do.
void check(bool ok, std::string_view name) {
  require(ok, "[import_function] ", name, ": the inputs have shapes or dtypes that do not fit.");
}

bool is_list(const array& x, size_t size) {
  return x.ndim() == 1 && x.size() == size && issubdtype(x.dtype(), integer);
}

Arrays read_chosen(const ReadArgs& args) {
  const array &a = args.in[0], &b = args.in[1];
  const size_t pairs = args.in[2].size();
  check(a.ndim() == 3 && b.ndim() == 3 && a.dtype() == b.dtype() &&
            issubdtype(a.dtype(), floating) && a.shape(2) == b.shape(1) &&
            args.out[0].shape.size() == 3 &&
            std::all_of(args.in.begin() + 2, args.in.end(),
                        [&](const array& x) { return is_list(x, pairs); }),
        "GatherMM");
  return {make_node(kGatherMm, {args.in.begin(), args.in.end()},
                    Attrs(GatherMmAttrs{args.out[0].shape[0]}), to_stream({}))};
}

// Masks: of the result, of both matrices, or all.
Arrays read_block_masked(const ReadArgs& args) {
  std::optional<array> masks[3];
  const size_t count = args.in.size() - 2;
  for (size_t i = 0; i < count; ++i) masks[count == 2 ? i + 1 : i] = args.in[i + 2];
  return {block_masked_mm(args.in[0], args.in[1], args.integer(0), masks[0], masks[1], masks[2])};
}

// Inputs [..., m, k] or [..., s, m, n], then [..., k, n] and [..., s, 2], whose
// batch axes broadcast.
Arrays read_segmented(const ReadArgs& args, bool left) {
  const array &a = args.in[0], &b = args.in[1], &segments = args.in[2];
  const size_t rank = b.ndim();
  check(rank >= 2 && segments.ndim() == rank && a.ndim() == rank + left && a.dtype() == b.dtype() &&
            issubdtype(a.dtype(), floating) && issubdtype(segments.dtype(), integer) &&
            segments.shape(-1) == 2 &&
            (left ? a.shape(-1) == b.shape(-1) && a.shape(-3) == segments.shape(-2)
                  : a.shape(-1) == b.shape(-2)),
        "SegmentedMM");
  return {make_node(left ? kSegmentedMmLeft : kSegmentedMm, {args.in.begin(), args.in.end()}, {},
                    to_stream({}))};
}

// The scale that is the default has more digits than the file.
Arrays read_hadamard(const ReadArgs& args) {
  const array& x = args.in[0];
  const float scale = args.get<float>(0);
  const auto n = static_cast<double>(x.ndim() == 0 ? 1 : x.shape(-1));
  const bool is_default = scale == static_cast<float>(1 / std::sqrt(n));
  return {hadamard_transform(x, is_default ? std::nullopt : std::optional<float>(scale))};
}

Arrays read_hadamard_transposed(const ReadArgs& args) {
  const array& x = args.in[0];
  check(x.ndim() > 0 && issubdtype(x.dtype(), floating), "Hadamard");
  hadamard_transform(x);  // checks the size
  return {
      make_node(kHadamard, {x}, Attrs(HadamardAttrs{args.get<double>(0), true}), to_stream({}))};
}

}  // namespace

std::span<const WriteRow> chosen_writers() {
  static constexpr WriteRow kRows[] = {
      {&kGatherMm, write_gather_mm},
      {&kBlockMaskedMm, write_block_masked},
      {&kSegmentedMm, write_as<formula_segmented>},
      {&kSegmentedMmLeft, write_as<formula_segmented_left>},
      {&kHadamard, write_hadamard},
  };
  return kRows;
}

std::span<const ReadRow> chosen_readers() {
  static constexpr ReadRow kRows[] = {
      {"GatherMM", "bb", 4, 4,
       [](const ReadArgs& a) -> Arrays { return {gather_mm(a.in[0], a.in[1], a.in[2], a.in[3])}; }},
      {"collective::GatherMM", "", 5, 5, read_chosen},
      {"BlockMaskedMM", "i", 3, 5, read_block_masked},
      {"collective::SegmentedMM", "", 3, 3,
       [](const ReadArgs& a) { return read_segmented(a, false); }},
      {"collective::SegmentedMMLeft", "", 3, 3,
       [](const ReadArgs& a) { return read_segmented(a, true); }},
      {"Hadamard", "f", 1, 1, read_hadamard},
      {"collective::Hadamard", "d", 1, 1, read_hadamard_transposed},
  };
  return kRows;
}

}  // namespace mlx::core::io
