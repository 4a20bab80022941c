#include "core/transform/vmap_rows.h"

#include "mlx/core/graph/op.h"
#include "mlx/core/linalg.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/quantized.h"
#include "mlx/core/random.h"

namespace mlx::core {
namespace {

// One mapped input.
VmapRow mapped(const char* name, const array& whole, const std::function<array(const array&)>& op) {
  return {name, {whole}, [op](const Arrays& x) { return Arrays{op(x[0])}; }};
}

VmapRow mapped(const char* name, Arrays wholes, const std::function<array(const Arrays&)>& op) {
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
      mapped("Argmax", matrices(), [](const array& x) { return argmax(x, 1); }),
      mapped("ArgmaxOfAll", matrices(), [](const array& x) { return argmax(x); }),
      mapped("ArgminKeepsAxis", matrices(), [](const array& x) { return argmin(x, 0, true); }),
      mapped("All", truth(), [](const array& x) { return all(x, 0); }),
      mapped("AnyOfAll", truth(), [](const array& x) { return any(x); }),
      mapped("SumOfIntegers", whole_numbers(),
             [](const array& x) {
               return sum(x, {0, 1}, true);
             }),
      mapped("Sort", matrices(), [](const array& x) { return sort(x, 0); }),
      mapped("SortFlat", matrices(), [](const array& x) { return sort(x); }),
      mapped("Argsort", matrices(), [](const array& x) { return argsort(x, 1); }),
      mapped("Partition", matrices(), [](const array& x) { return sort(topk(x, 2, 1), 1); }),
      mapped("ArgpartitionOfVector", spread({kMapped, 5}, -1, 1),
             [](const array& x) { return take(argpartition(x, 2, 0), 2, 0); }),
      mapped("CumsumOfBool", truth(), [](const array& x) { return cumsum(x, 0, true, false); }),
      mapped("GradientOfLogcumsumexp", matrices(),
             [](const array& x) {
               return vjp([](const array& a) { return logcumsumexp(a, 1); }, x, cos(x)).second;
             }),
      mapped("SoftmaxOfVector", spread({kMapped, 5}, -1, 1),
             [](const array& x) { return softmax(x, 0); }),
      mapped("Searchsorted",
             {sort(spread({kMapped, 6}, -1, 1), 1), spread({kMapped, 2, 3}, -1, 1, 1)},
             [](const Arrays& x) { return searchsorted(x[0], x[1], "right"); }),
      mapped("SearchsortedInNothing", {zeros({kMapped, 0}, float64), spread({kMapped, 2}, -1, 1)},
             [](const Arrays& x) { return searchsorted(x[0], x[1]); }),
  };
}

std::vector<VmapRow> indexing_at_data_rows() {
  return {
      mapped("Take", {matrices(), indices({2, 2}, 5)},
             [](const Arrays& x) { return take(x[0], x[1], 1); }),
      mapped("TakeScalarIndex", {matrices(), indices({}, 4)},
             [](const Arrays& x) { return take(x[0], x[1], 0); }),
      mapped("TakeUnsigned", {matrices(), indices({3}, 20, uint8)},
             [](const Arrays& x) { return take(x[0], x[1]); }),
      mapped("TakeNothing", {zeros({kMapped, 2, 0}), zeros({kMapped, 0}, int32)},
             [](const Arrays& x) { return take(x[0], x[1], 1); }),
      mapped("TakeAlongAxis", {matrices(), indices({4, 2}, 5)},
             [](const Arrays& x) { return take_along_axis(x[0], x[1], 1); }),
      mapped("PutAlongAxis", {matrices(), indices({1, 5}, 4), spread({kMapped, 1, 5}, 5, 6)},
             [](const Arrays& x) { return put_along_axis(x[0], x[1], x[2], 0); }),
      mapped("ScatterAddAxis", {matrices(), indices({4, 3}, 5), spread({kMapped, 4, 3}, 5, 6)},
             [](const Arrays& x) { return scatter_add_axis(x[0], x[1], x[2], 1); }),
      mapped("Gather", {matrices(), indices({2}, 4), indices({3, 1}, 3, uint32)},
             [](const Arrays& x) {
               return gather(x[0], {x[1], x[2]}, {0, 1}, {1, 2});
             }),
      mapped("GatherWithoutIndices", {matrices()},
             [](const Arrays& x) {
               return gather(x[0], std::vector<array>{}, std::vector<int>{}, {2, 3});
             }),
      mapped("Scatter", {matrices(), indices({2}, 4), spread({kMapped, 2, 1, 5}, 5, 6)},
             [](const Arrays& x) { return scatter(x[0], x[1], x[2], 0); }),
      mapped("ScatterAdd",
             {matrices(), indices({3, 1}, 3, uint32), indices({2}, 4, uint8),
              spread({kMapped, 3, 2, 1, 2}, 5, 6)},
             [](const Arrays& x) {
               return scatter_add(x[0], {x[1], x[2]}, x[3], {0, 1});
             }),
      mapped("ScatterMax", {whole_numbers(), indices({2}, 5), indices({2, 4, 1}, 60)},
             [](const Arrays& x) { return scatter_max(x[0], x[1], x[2], 1); }),
      mapped("MaskedScatter", {matrices(), truth(), spread({kMapped, 20}, 5, 6)},
             [](const Arrays& x) { return masked_scatter(x[0], x[1], x[2]); }),
      mapped("SliceAtData", {matrices(), indices({2}, 9)},
             [](const Arrays& x) {
               return slice(x[0], x[1], {0, 1}, {2, 3});
             }),
      mapped("SliceAtScalar", {matrices(), indices({}, 4, uint32)},
             [](const Arrays& x) {
               return slice(x[0], x[1], {1}, {4, 2});
             }),
      mapped("SliceUpdateAtData", {matrices(), spread({kMapped, 2, 3}, 5, 6), indices({2}, 9)},
             [](const Arrays& x) {
               return slice_update(x[0], x[1], x[2], {1, 0});
             }),
  };
}

std::vector<VmapRow> mapped_product_rows() {
  const array masks = greater(spread({kMapped, 2, 1}, -1, 1, 3), array(0.0, float64));
  const array ends =
      concatenate({indices({3, 1}, 2, uint32), array(2u) + indices({3, 1}, 3, uint32)}, 2);
  return {
      mapped("GatherMm",
             {spread({kMapped, 2, 2, 3}, -1, 1), spread({kMapped, 3, 3, 2}, -1, 1, 1),
              indices({4}, 2), indices({2, 1}, 3)},
             [](const Arrays& x) { return gather_mm(x[0], x[1], x[2], x[3]); }),
      mapped("GatherMmVector",
             {spread({kMapped, 3}, -1, 1), spread({kMapped, 3, 3, 2}, -1, 1, 1), indices({4}, 3)},
             [](const Arrays& x) { return gather_mm(x[0], x[1], std::nullopt, x[2]); }),
      mapped("BlockMaskedMm",
             {spread({kMapped, 33, 3}, -1, 1), spread({kMapped, 2, 3, 2}, -1, 1, 1), masks,
              spread({kMapped, 2, 2, 1}, -1, 1, 2)},
             [](const Arrays& x) { return block_masked_mm(x[0], x[1], 32, x[2], x[3]); }),
      mapped("SegmentedMm",
             {spread({kMapped, 2, 5}, -1, 1), spread({kMapped, 5, 3}, -1, 1, 1), ends},
             [](const Arrays& x) { return segmented_mm(x[0], x[1], x[2]); }),
      mapped("SegmentedMmGradient",
             {spread({kMapped, 2, 5}, -1, 1), spread({kMapped, 5, 3}, -1, 1, 1), ends},
             [](const Arrays& x) {
               const auto f = [&](const array& a) {
                 return sum(square(segmented_mm(a, x[1], x[2])));
               };
               return grad(f)(x[0]);
             }),
      mapped("HadamardOfOrder12", spread({kMapped, 2, 24}, -1, 1),
             [](const array& x) { return hadamard_transform(x); }),
  };
}

array keys() { return random::split(random::key(3), kMapped); }

// Of quantized matrices [2, 64] the parts have the mapped axis in front too.
std::vector<VmapRow> mapped_quantized_rows() {
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
      mapped("Dequantize", p,
             [](const Arrays& in) { return dequantize(in[0], in[1], in[2], 32, 4); }),
      mapped("DequantizeWithGlobalScale", {f[0], f[1], global},
             [](const Arrays& in) { return dequantize(in[0], in[1], {}, {}, {}, "nvfp4", in[2]); }),
      mapped("QuantizedMatmul", {x, p[0], p[1], p[2]},
             [](const Arrays& in) {
               return quantized_matmul(in[0], in[1], in[2], in[3], true, 32, 4);
             }),
      mapped("QuantizedMatmulVector", {spread({kMapped, 2}, -1, 1, 0, float32), f[0], f[1]},
             [](const Arrays& in) {
               return quantized_matmul(in[0], in[1], in[2], {}, false, {}, {}, "nvfp4");
             }),
      mapped("QuantizedMatmulBatch",
             {spread({kMapped, 2, 1, 3, 64}, -1, 1, 0, float32), packs, scales},
             [](const Arrays& in) {
               return quantized_matmul(in[0], in[1], in[2], in[2], true, 32, 4);
             }),
      mapped("GatherQmm",
             {spread({kMapped, 2, 3, 64}, -1, 1, 0, float32), packs, scales, indices({4}, 2),
              indices({4}, 3)},
             [](const Arrays& in) {
               return gather_qmm(in[0], in[1], in[2], in[2], in[3], in[4], true, 32, 4);
             }),
      mapped("Qqmm", {x, w},
             [](const Arrays& in) { return qqmm(in[0], in[1], {}, {}, {}, "mxfp8"); }),
      mapped("GatherQqmm", {spread({kMapped, 2, 3, 64}, -1, 1, 0, float32), indices({4}, 2)},
             [w](const Arrays& in) {
               return gather_qqmm(in[0], w, {}, in[1], array({0, 2, 1, 0}, uint32));
             }),
      mapped("ToFp8", x, [](const array& in) { return to_fp8(in); }),
      mapped("FromFp8", x, [](const array& in) { return from_fp8(view(in, uint8), float16); }),
  };
}

std::vector<VmapRow> mapped_other_rows() {
  return {
      mapped("Where", {truth(), matrices(), spread({kMapped, 5}, 2, 3)},
             [](const Arrays& x) { return where(x[0], x[1], x[2]); }),
      mapped("LogicalNot", truth(), [](const array& x) { return logical_not(x); }),
      mapped("BroadcastingScalars",
             {matrices(), spread({kMapped}, 2, 3), spread({kMapped, 4, 1}, 2, 3)},
             [](const Arrays& x) { return (x[0] + x[1]) * x[2]; }),
      mapped("IntegerDivision", {whole_numbers(), astype(indices({5}, 9), int8)},
             [](const Arrays& x) {
               return floor_divide(x[0], x[1] * array(2, int8) + array(1, int8));
             }),
      mapped("Complex", matrices(),
             [](const array& x) {
               return abs(astype(x, complex64) * array(complex64_t{0, 2}));
             }),
      mapped("Astype", matrices(), [](const array& x) { return astype(x, float16); }),
      mapped("ViewNarrower", matrices(), [](const array& x) { return view(x, int16); }),
      mapped("ViewWider", astype(spread({kMapped, 4}, -9, 9), int16),
             [](const array& x) { return view(x, int32); }),
      mapped("ViewOfScalar", spread({kMapped}, -9, 9),
             [](const array& x) { return view(x, int64); }),
      mapped("AsStrided", matrices(),
             [](const array& x) {
               return as_strided(x, {3, 2, 2}, {5, -1, 0}, 3);
             }),
      mapped("StopGradient", matrices(), [](const array& x) { return stop_gradient(exp(x)); }),
      mapped("Contiguous", matrices(), [](const array& x) { return contiguous(transpose(x)); }),
      mapped("Tril", matrices(), [](const array& x) { return tril(x) + eye(4, 5); }),
      mapped("Repeated", matrices(), [](const array& x) { return zeros_like(x) + arange(5); }),
      mapped("RandomBits", keys(),
             [](const array& key) {
               return random::bits({3, 5}, 1, key);
             }),
      mapped("RandomWords", keys(), [](const array& key) { return random::bits({}, 4, key); }),
      mapped("RandomUniform", {keys(), spread({kMapped, 2}, 0, 1)},
             [](const Arrays& x) {
               return random::uniform(x[1], array(2.0f), {4, 2}, float32, x[0]);
             }),
      mapped("RandomSplit", keys(),
             [](const array& key) { return random::normal({5}, random::split(key).second); }),
      {"Svd",
       {spread({kMapped, 2, 4, 3}, -1, 1, 0, float32)},
       [](const Arrays& x) {
         return make_nodes(kSvd, x, Attrs(VectorsAttrs{true}), Stream{0, Device::cpu});
       }},
      mapped("Eig", spread({kMapped, 3, 3}, -1, 1),
             [](const array& x) { return abs(linalg::eig(x).second); }),
      mapped("Eigvals", spread({kMapped, 3, 3}, -1, 1),
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
  for (const auto& family : {choosing_rows(), indexing_at_data_rows(), mapped_product_rows(),
                             mapped_quantized_rows(), mapped_other_rows()}) {
    rows.insert(rows.end(), family.begin(), family.end());
  }
  return rows;
}

}  // namespace mlx::core
