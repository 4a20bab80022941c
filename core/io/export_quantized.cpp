// Quantized matrices.

#include <cmath>

#include "mlx/core/io/export_table.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/quantized.h"
#include "mlx/core/ops/quantized_ops.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/sort.h"

namespace mlx::core::io {
namespace {

// ---- what MLX composes

// All numbers of an 8-bit float. Constants: evaluated before the graph is recorded.
array e4m3_values() {
  array values = from_fp8(arange(256.0, uint8), float32);
  values.eval();
  return values;
}
array e8m0_values() {
  std::vector<float> values;
  for (int i = 0; i < 255; ++i) values.push_back(std::ldexp(1.0f, i - 127));
  values.push_back(NAN);
  return array(values.begin(), {256});
}
array e2m1_values() {
  return array({0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f, -0.0f, -0.5f, -1.0f, -1.5f, -2.0f,
                -3.0f, -4.0f, -6.0f});
}

// Element i has the bits from i * bits on, the lowest first.
array codes_of(const array& w, int bits, Stream s) {
  const array one_by_one = bitwise_and(
      right_shift(expand_dims(w, -1, s), arange(32.0, uint32, s), s), array(1, uint32), s);
  Shape shape = w.shape();
  shape.back() = shape.back() * 32 / bits;
  shape.push_back(bits);
  return sum(left_shift(reshape(one_by_one, shape, s), arange(double(bits), uint32, s), s), -1,
             false, s);
}

array values_of(const array& codes, const QuantFormat& format, Dtype dtype, Stream s) {
  if (format.has_biases()) {
    return astype(codes, dtype, s);
  }
  return take(format.bits == 8 ? e4m3_values() : e2m1_values(), codes, s);
}

// Inputs: packed matrix, scales, biases if affine, its global scale if it has one.
Arrays formula_dequantize(Inputs in, const Attrs& a, Stream s) {
  const auto& [format, dtype] = a.get<DequantAttrs>();
  const bool affine = format.has_biases();
  array scales = in[1];
  if (!affine) {
    scales = take(format.mode == QuantMode::nvfp4 ? e4m3_values() : e8m0_values(), scales, s);
  }
  const Dtype inner = affine ? promote_types(in[1].dtype(), in[2].dtype()) : float32;
  const array codes = codes_of(in[0], format.bits, s);
  const Shape groups{codes.shape(-1) / format.group, format.group};
  array x = unflatten(values_of(codes, format, inner, s), -1, groups, s);
  x = multiply(x, expand_dims(scales, -1, s), s);
  if (affine) x = add(x, expand_dims(in[2], -1, s), s);
  if (!affine && in.size() > 2) {
    x = multiply(x, divide(reshape(in[2], {}, s), array(kGlobalScaleRange), s), s);
  }
  return {astype(flatten(x, -2, -1, s), dtype, s)};
}

Arrays formula_from_fp8(Inputs in, const Attrs& a, Stream s) {
  return {astype(take(e4m3_values(), in[0], s), a.get<Fp8Attrs>().dtype, s)};
}

// The nearest of the finite numbers, the even code if two are; NaN is the last.
Arrays formula_to_fp8(Inputs in, const Attrs&, Stream s) {
  constexpr int kFinite = 127;
  const array values = e4m3_values();
  std::vector<float> middles;
  for (int i = 0; i + 1 < kFinite; ++i) {
    middles.push_back((values.data<float>()[i] + values.data<float>()[i + 1]) / 2);
  }
  const array steps(middles.begin(), {kFinite - 1});
  const array x = astype(in[0], float32, s), size = abs(x, s);
  const array below = searchsorted(steps, size, "left", s);
  const array up = searchsorted(steps, size, "right", s);
  const array is_even = equal(bitwise_and(below, array(1, uint32), s), array(0, uint32), s);
  const array sign =
      where(logical_or(less(x, array(0.0f), s), less(reciprocal(x, s), array(0.0f), s), s),
            array(128, uint32), array(0, uint32), s);
  const array code = where(isnan(x, s), array(kFinite, uint32), where(is_even, below, up, s), s);
  return {astype(add(code, sign, s), uint8, s)};
}

// ---- writing

State quant_state(const QuantFormat& format) {
  return {format.group, format.bits, static_cast<int>(format.mode)};
}

std::vector<Id> write_quantize(Lowering& to, const WriteArgs& args) {
  State state = quant_state(args.attrs.get<QuantAttrs>().format);
  // MLX crashes on the others, unless on a GPU.
  if (&args.op == &kRoundTrip || !args.attrs.get<QuantAttrs>().format.has_biases()) {
    return to.add_all(own_name(args.op), std::move(state), args.in, args.out);
  }
  state.push_back(false);
  return to.add_all("Quantize", std::move(state), args.in, args.out);
}

std::vector<Id> write_dequantize(Lowering& to, const WriteArgs& args) {
  const auto& [format, dtype] = args.attrs.get<DequantAttrs>();
  State state = quant_state(format);
  state.push_back(dtype);
  return to.add_as(formula_dequantize, args.op, args.attrs, std::move(state), args.in, args.out);
}

std::vector<Id> write_quantized_matmul(Lowering& to, const WriteArgs& args) {
  const auto& [format, transpose] = args.attrs.get<QuantMatmulAttrs>();
  State state = quant_state(format);
  state.push_back(transpose);
  std::vector<Id> in = args.in;
  // One dtype for x, scales and biases, which are floats in the affine mode only.
  for (size_t i = 0; i < (format.has_biases() ? 4u : 1u); ++i) {
    if (i != 1) in[i] = to.cast(in[i], args.out[0].dtype);
  }
  if (&args.op == &kGatherQmm) {
    state.insert(state.end(), {StateT(false), StateT(false)});  // which indices are sorted
    for (size_t i = in.size() - 2; i < in.size(); ++i) in[i] = to.cast(in[i], uint32);
  }
  return {to.add(args.op.name, std::move(state), std::move(in), args.out[0])};
}

std::vector<Id> write_to_fp8(Lowering& to, const WriteArgs& args) {
  return to.add_as(formula_to_fp8, args.op, args.attrs, {}, args.in, args.out);
}

std::vector<Id> write_from_fp8(Lowering& to, const WriteArgs& args) {
  return to.add_as(formula_from_fp8, args.op, args.attrs, {args.attrs.get<Fp8Attrs>().dtype},
                   args.in, args.out);
}

// ---- reading

/// A format from the first three numbers of the state.
struct Format {
  int group;
  int bits;
  std::string mode;
};

Format format_of(const ReadArgs& args) {
  static constexpr const char* kModes[] = {"affine", "mxfp4", "mxfp8", "nvfp4"};
  const int mode = args.integer(2);
  require(mode >= 0 && mode < 4, "[import_function] Mode of quantization: got ", mode, ".");
  return {args.integer(0), args.integer(1), kModes[mode]};
}

std::optional<array> input(const ReadArgs& args, size_t i) {
  return i < args.in.size() ? std::optional<array>(args.in[i]) : std::nullopt;
}

// Inputs: x, its global scale if it has one.
Arrays read_quantize(const ReadArgs& args) {
  const auto [group, bits, mode] = format_of(args);
  require(args.state.size() == 3 || !args.flag(3) || args.in.size() > 1,
          "[import_function] Quantize: got ", args.in.size(), " inputs.");
  if (args.state.size() > 3 && args.flag(3)) {
    return {dequantize(args.in[0], args.in[1], input(args, 2), group, bits, mode, std::nullopt,
                       args.out[0].dtype)};
  }
  return quantize(args.in[0], group, bits, mode, input(args, 1));
}

Arrays read_round_trip(const ReadArgs& args) {
  const auto [group, bits, mode] = format_of(args);
  const QuantFormat format = quant_format("import_function", mode, group, bits);
  quantize(args.in[0], group, bits, mode, input(args, 1));  // checks the inputs
  return {make_node(kRoundTrip, {args.in.begin(), args.in.end()}, Attrs(QuantAttrs{format}),
                    to_stream({}))};
}

// Inputs: packed matrix, scales, biases if affine, its global scale if it has one.
Arrays read_dequantize(const ReadArgs& args) {
  const auto [group, bits, mode] = format_of(args);
  const bool affine = mode == "affine";
  return {dequantize(args.in[0], args.in[1], affine ? input(args, 2) : std::nullopt, group, bits,
                     mode, input(args, affine ? 3 : 2), args.get<Dtype>(3))};
}

Arrays read_quantized_matmul(const ReadArgs& args) {
  const auto [group, bits, mode] = format_of(args);
  return {quantized_matmul(args.in[0], args.in[1], args.in[2], input(args, 3), args.flag(3), group,
                           bits, mode)};
}

Arrays read_gather_qmm(const ReadArgs& args) {
  const auto [group, bits, mode] = format_of(args);
  const size_t first = args.in.size() - 2;
  return {gather_qmm(args.in[0], args.in[1], args.in[2], first > 3 ? input(args, 3) : std::nullopt,
                     args.in[first], args.in[first + 1], args.flag(3), group, bits, mode)};
}

}  // namespace

std::span<const WriteRow> quantized_writers() {
  static constexpr WriteRow kRows[] = {
      {&kQuantize, write_quantize},          {&kRoundTrip, write_quantize},
      {&kDequantize, write_dequantize},      {&kQuantizedMatmul, write_quantized_matmul},
      {&kGatherQmm, write_quantized_matmul}, {&kToFp8, write_to_fp8},
      {&kFromFp8, write_from_fp8},
  };
  return kRows;
}

std::span<const ReadRow> quantized_readers() {
  static constexpr ReadRow kRows[] = {
      {"Quantize", "iiib", 1, 3, read_quantize},
      {"collective::Quantize", "iii", 1, 2, read_quantize},
      {"collective::QuantizeRoundTrip", "iii", 1, 2, read_round_trip},
      {"collective::Dequantize", "iiit", 2, 4, read_dequantize},
      {"QuantizedMatmul", "iiib", 3, 4, read_quantized_matmul},
      {"GatherQMM", "iiibbb", 5, 6, read_gather_qmm},
      {"collective::ToFP8", "", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {to_fp8(a.in[0])}; }},
      {"collective::FromFP8", "t", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {from_fp8(a.in[0], a.get<Dtype>(0))}; }},
  };
  return kRows;
}

}  // namespace mlx::core::io
