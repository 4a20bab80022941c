#include "core/transform/vmap_rows.h"

#include "mlx/core/graph/op.h"
#include "mlx/core/linalg.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/quantized.h"
#include "mlx/core/random.h"

namespace mlx::core {
namespace {

// One mapped input.
VmapRow row(const char* name, const array& whole, const std::function<array(const array&)>& op) {
  return {name, {whole}, [op](const Arrays& x) { return Arrays{op(x[0])}; }};
}

VmapRow row(const char* name, Arrays wholes, const std::function<array(const Arrays&)>& op) {
  return {name, std::move(wholes), [op](const Arrays& x) { return Arrays{op(x)}; }};
}

array matrices() { return spread({kMapped, 4, 5}, -1, 1, 2); }
array truth() { return greater(matrices(), array(0.0, float64)); }
array whole_numbers() { return astype(floor(spread({kMapped, 4, 5}, -50, 50, 2)), int32); }

// Indices into an axis of `size` elements, from its end too.
array indices(const Shape& shape, ShapeElem size, Dtype dtype = int32) {
  Shape whole = shape;
  whole.insert(whole.begin(), kMapped);
  const auto n = static_cast<double>(size);
  const bool from_end = issubdtype(dtype, signedinteger);
  return astype(floor(spread(whole, from_end ? -n : 0, n - 0.01, 4)), dtype);
}

std::vector<VmapRow> choosing_rows() {
  return {
      row("Argmax", matrices(), [](const array& x) { return argmax(x, 1); }),
      row("ArgmaxOfAll", matrices(), [](const array& x) { return argmax(x); }),
      row("ArgminKeepsAxis", matrices(), [](const array& x) { return argmin(x, 0, true); }),
      row("All", truth(), [](const array& x) { return all(x, 0); }),
      row("AnyOfAll", truth(), [](const array& x) { return any(x); }),
      row("SumOfIntegers", whole_numbers(),
          [](const array& x) {
            return sum(x, {0, 1}, true);
          }),
      row("Sort", matrices(), [](const array& x) { return sort(x, 0); }),
      row("SortFlat", matrices(), [](const array& x) { return sort(x); }),
      row("Argsort", matrices(), [](const array& x) { return argsort(x, 1); }),
      row("Partition", matrices(), [](const array& x) { return sort(topk(x, 2, 1), 1); }),
      row("ArgpartitionOfVector", spread({kMapped, 5}, -1, 1),
          [](const array& x) { return take(argpartition(x, 2, 0), 2, 0); }),
      row("CumsumOfBool", truth(), [](const array& x) { return cumsum(x, 0, true, false); }),
      row("GradientOfLogcumsumexp", matrices(),
          [](const array& x) {
            return vjp([](const array& a) { return logcumsumexp(a, 1); }, x, cos(x)).second;
          }),
      row("SoftmaxOfVector", spread({kMapped, 5}, -1, 1),
          [](const array& x) { return softmax(x, 0); }),
      row("Searchsorted", {sort(spread({kMapped, 6}, -1, 1), 1), spread({kMapped, 2, 3}, -1, 1, 1)},
          [](const Arrays& x) { return searchsorted(x[0], x[1], "right"); }),
      row("SearchsortedInNothing", {zeros({kMapped, 0}, float64), spread({kMapped, 2}, -1, 1)},
          [](const Arrays& x) { return searchsorted(x[0], x[1]); }),
  };
}

std::vector<VmapRow> indexing_at_data_rows() {
  return {
      row("Take", {matrices(), indices({2, 2}, 5)},
          [](const Arrays& x) { return take(x[0], x[1], 1); }),
      row("TakeScalarIndex", {matrices(), indices({}, 4)},
          [](const Arrays& x) { return take(x[0], x[1], 0); }),
      row("TakeUnsigned", {matrices(), indices({3}, 20, uint8)},
          [](const Arrays& x) { return take(x[0], x[1]); }),
      row("TakeNothing", {zeros({kMapped, 2, 0}), zeros({kMapped, 0}, int32)},
          [](const Arrays& x) { return take(x[0], x[1], 1); }),
      row("TakeAlongAxis", {matrices(), indices({4, 2}, 5)},
          [](const Arrays& x) { return take_along_axis(x[0], x[1], 1); }),
      row("PutAlongAxis", {matrices(), indices({1, 5}, 4), spread({kMapped, 1, 5}, 5, 6)},
          [](const Arrays& x) { return put_along_axis(x[0], x[1], x[2], 0); }),
      row("ScatterAddAxis", {matrices(), indices({4, 3}, 5), spread({kMapped, 4, 3}, 5, 6)},
          [](const Arrays& x) { return scatter_add_axis(x[0], x[1], x[2], 1); }),
      row("Gather", {matrices(), indices({2}, 4), indices({3, 1}, 3, uint32)},
          [](const Arrays& x) {
            return gather(x[0], {x[1], x[2]}, {0, 1}, {1, 2});
          }),
      row("GatherWithoutIndices", {matrices()},
          [](const Arrays& x) {
            return gather(x[0], std::vector<array>{}, std::vector<int>{}, {2, 3});
          }),
      row("Scatter", {matrices(), indices({2}, 4), spread({kMapped, 2, 1, 5}, 5, 6)},
          [](const Arrays& x) { return scatter(x[0], x[1], x[2], 0); }),
      row("ScatterAdd",
          {matrices(), indices({3, 1}, 3, uint32), indices({2}, 4, uint8),
           spread({kMapped, 3, 2, 1, 2}, 5, 6)},
          [](const Arrays& x) {
            return scatter_add(x[0], {x[1], x[2]}, x[3], {0, 1});
          }),
      row("ScatterMax", {whole_numbers(), indices({2}, 5), indices({2, 4, 1}, 60)},
          [](const Arrays& x) { return scatter_max(x[0], x[1], x[2], 1); }),
      row("MaskedScatter", {matrices(), truth(), spread({kMapped, 20}, 5, 6)},
          [](const Arrays& x) { return masked_scatter(x[0], x[1], x[2]); }),
      row("SliceAtData", {matrices(), indices({2}, 9)},
          [](const Arrays& x) {
            return slice(x[0], x[1], {0, 1}, {2, 3});
          }),
      row("SliceAtScalar", {matrices(), indices({}, 4, uint32)},
          [](const Arrays& x) {
            return slice(x[0], x[1], {1}, {4, 2});
          }),
      row("SliceUpdateAtData", {matrices(), spread({kMapped, 2, 3}, 5, 6), indices({2}, 9)},
          [](const Arrays& x) {
            return slice_update(x[0], x[1], x[2], {1, 0});
          }),
  };
}

std::vector<VmapRow> chosen_rows() {
  const array masks = greater(spread({kMapped, 2, 1}, -1, 1, 3), array(0.0, float64));
  const array ends =
      concatenate({indices({3, 1}, 2, uint32), array(2u) + indices({3, 1}, 3, uint32)}, 2);
  return {
      row("GatherMm",
          {spread({kMapped, 2, 2, 3}, -1, 1), spread({kMapped, 3, 3, 2}, -1, 1, 1), indices({4}, 2),
           indices({2, 1}, 3)},
          [](const Arrays& x) { return gather_mm(x[0], x[1], x[2], x[3]); }),
      row("GatherMmVector",
          {spread({kMapped, 3}, -1, 1), spread({kMapped, 3, 3, 2}, -1, 1, 1), indices({4}, 3)},
          [](const Arrays& x) { return gather_mm(x[0], x[1], std::nullopt, x[2]); }),
      row("BlockMaskedMm",
          {spread({kMapped, 33, 3}, -1, 1), spread({kMapped, 2, 3, 2}, -1, 1, 1), masks,
           spread({kMapped, 2, 2, 1}, -1, 1, 2)},
          [](const Arrays& x) { return block_masked_mm(x[0], x[1], 32, x[2], x[3]); }),
      row("SegmentedMm", {spread({kMapped, 2, 5}, -1, 1), spread({kMapped, 5, 3}, -1, 1, 1), ends},
          [](const Arrays& x) { return segmented_mm(x[0], x[1], x[2]); }),
      row("SegmentedMmGradient",
          {spread({kMapped, 2, 5}, -1, 1), spread({kMapped, 5, 3}, -1, 1, 1), ends},
          [](const Arrays& x) {
            const auto f = [&](const array& a) { return sum(square(segmented_mm(a, x[1], x[2]))); };
            return grad(f)(x[0]);
          }),
      row("HadamardOfOrder12", spread({kMapped, 2, 24}, -1, 1),
          [](const array& x) { return hadamard_transform(x); }),
  };
}

array keys() { return random::split(random::key(3), kMapped); }

// Of quantized matrices [2, 64] the parts have the mapped axis in front too.
std::vector<VmapRow> quantized_rows() {
  const array w = spread({kMapped, 2, 64}, -2, 2, 1, float32);
  const array x = spread({kMapped, 3, 64}, -1, 1, 0, float32);
  const Arrays p = quantize(w, 32, 4), f = quantize(w, {}, {}, "nvfp4");
  const array packs = stack({p[0], p[0] + p[0], p[0]}, 1), scales = stack({p[1], p[2], p[1]}, 1);
  const array global = spread({kMapped}, 1, 2, 0, float32);
  return {
      {"Quantize", {w}, [](const Arrays& in) { return quantize(in[0], 32, 3); }},
      {"QuantizeWithGlobalScale",
       {w, global},
       [](const Arrays& in) { return quantize(in[0], {}, {}, "nvfp4", in[1]); }},
      row("Dequantize", p, [](const Arrays& in) { return dequantize(in[0], in[1], in[2], 32, 4); }),
      row("DequantizeWithGlobalScale", {f[0], f[1], global},
          [](const Arrays& in) { return dequantize(in[0], in[1], {}, {}, {}, "nvfp4", in[2]); }),
      row("QuantizedMatmul", {x, p[0], p[1], p[2]},
          [](const Arrays& in) {
            return quantized_matmul(in[0], in[1], in[2], in[3], true, 32, 4);
          }),
      row("QuantizedMatmulVector", {spread({kMapped, 2}, -1, 1, 0, float32), f[0], f[1]},
          [](const Arrays& in) {
            return quantized_matmul(in[0], in[1], in[2], {}, false, {}, {}, "nvfp4");
          }),
      row("QuantizedMatmulBatch",
          {spread({kMapped, 2, 1, 3, 64}, -1, 1, 0, float32), packs, scales},
          [](const Arrays& in) {
            return quantized_matmul(in[0], in[1], in[2], in[2], true, 32, 4);
          }),
      row("GatherQmm",
          {spread({kMapped, 2, 3, 64}, -1, 1, 0, float32), packs, scales, indices({4}, 2),
           indices({4}, 3)},
          [](const Arrays& in) {
            return gather_qmm(in[0], in[1], in[2], in[2], in[3], in[4], true, 32, 4);
          }),
      row("Qqmm", {x, w}, [](const Arrays& in) { return qqmm(in[0], in[1], {}, {}, {}, "mxfp8"); }),
      row("GatherQqmm", {spread({kMapped, 2, 3, 64}, -1, 1, 0, float32), indices({4}, 2)},
          [w](const Arrays& in) {
            return gather_qqmm(in[0], w, {}, in[1], array({0, 2, 1, 0}, uint32));
          }),
      row("ToFp8", x, [](const array& in) { return to_fp8(in); }),
      row("FromFp8", x, [](const array& in) { return from_fp8(view(in, uint8), float16); }),
  };
}

std::vector<VmapRow> other_rows() {
  return {
      row("Where", {truth(), matrices(), spread({kMapped, 5}, 2, 3)},
          [](const Arrays& x) { return where(x[0], x[1], x[2]); }),
      row("LogicalNot", truth(), [](const array& x) { return logical_not(x); }),
      row("BroadcastingScalars",
          {matrices(), spread({kMapped}, 2, 3), spread({kMapped, 4, 1}, 2, 3)},
          [](const Arrays& x) { return (x[0] + x[1]) * x[2]; }),
      row("IntegerDivision", {whole_numbers(), astype(indices({5}, 9), int8)},
          [](const Arrays& x) {
            return floor_divide(x[0], x[1] * array(2, int8) + array(1, int8));
          }),
      row("Complex", matrices(),
          [](const array& x) {
            return abs(astype(x, complex64) * array(complex64_t{0, 2}));
          }),
      row("Astype", matrices(), [](const array& x) { return astype(x, float16); }),
      row("ViewNarrower", matrices(), [](const array& x) { return view(x, int16); }),
      row("ViewWider", astype(spread({kMapped, 4}, -9, 9), int16),
          [](const array& x) { return view(x, int32); }),
      row("ViewOfScalar", spread({kMapped}, -9, 9), [](const array& x) { return view(x, int64); }),
      row("AsStrided", matrices(),
          [](const array& x) {
            return as_strided(x, {3, 2, 2}, {5, -1, 0}, 3);
          }),
      row("StopGradient", matrices(), [](const array& x) { return stop_gradient(exp(x)); }),
      row("Contiguous", matrices(), [](const array& x) { return contiguous(transpose(x)); }),
      row("Tril", matrices(), [](const array& x) { return tril(x) + eye(4, 5); }),
      row("Repeated", matrices(), [](const array& x) { return zeros_like(x) + arange(5); }),
      row("RandomBits", keys(),
          [](const array& key) {
            return random::bits({3, 5}, 1, key);
          }),
      row("RandomWords", keys(), [](const array& key) { return random::bits({}, 4, key); }),
      row("RandomUniform", {keys(), spread({kMapped, 2}, 0, 1)},
          [](const Arrays& x) {
            return random::uniform(x[1], array(2.0f), {4, 2}, float32, x[0]);
          }),
      row("RandomSplit", keys(),
          [](const array& key) { return random::normal({5}, random::split(key).second); }),
      {"Svd",
       {spread({kMapped, 2, 4, 3}, -1, 1, 0, float32)},
       [](const Arrays& x) {
         return make_nodes(kSvd, x, Attrs(VectorsAttrs{true}), Stream{0, Device::cpu});
       }},
      row("Eig", spread({kMapped, 3, 3}, -1, 1),
          [](const array& x) { return abs(linalg::eig(x).second); }),
      row("Eigvals", spread({kMapped, 3, 3}, -1, 1),
          [](const array& x) { return abs(linalg::eigvals(x)); }),
      {"SvdOneUsed",
       {spread({kMapped, 3, 3}, -1, 1, 0, float32)},
       [](const Arrays& x) {
         return Arrays{make_nodes(kSvd, x, Attrs(VectorsAttrs{true}), Stream{0, Device::cpu})[1]};
       }},
      {"Depends",
       {matrices(), spread({kMapped, 2}, -1, 1), spread({kMapped}, -1, 1)},
       [](const Arrays& x) {
         return depends({exp(x[0]), x[1]}, {x[2]});
       }},
      {"SeveralOutputs",
       {matrices(), spread({kMapped, 5}, -1, 1)},
       [](const Arrays& x) {
         return Arrays{x[1], matmul(x[0], x[1]), x[0], array({1.0f, 2.0f})};
       }},
  };
}

}  // namespace

std::vector<VmapRow> vmap_rows() {
  std::vector<VmapRow> rows;
  for (const auto& family :
       {choosing_rows(), indexing_at_data_rows(), chosen_rows(), quantized_rows(), other_rows()}) {
    rows.insert(rows.end(), family.begin(), family.end());
  }
  return rows;
}

}  // namespace mlx::core
