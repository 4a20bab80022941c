// Matrix products, convolutions, quantized matrices.

#include "mlx/core/graph/node.h"
#include "mlx/core/io/export_table.h"
#include "mlx/core/ops/conv.h"
#include "mlx/core/ops/conv_ops.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/quantized.h"
#include "mlx/core/ops/quantized_ops.h"

namespace mlx::core::io {
namespace {

// ---- writing

// A matrix with the batch axes of the product.
Id in_batch(Lowering& to, Id x, const Shape& product) {
  const Shape& own = to.shape(x);
  Shape shape(product.begin(), product.end() - 2);
  shape.insert(shape.end(), own.end() - 2, own.end());
  return to.broadcast(x, shape);
}

std::vector<Id> write_matmul(Lowering& to, const WriteArgs& args) {
  const Shape& product = args.out[0].shape;
  const Id a = in_batch(to, args.in[0], product);
  return {to.add("Matmul", {}, {a, in_batch(to, args.in[1], product)}, args.out[0])};
}

std::vector<Id> write_addmm(Lowering& to, const WriteArgs& args) {
  const auto& [alpha, beta] = args.attrs.get<AddmmAttrs>();
  const Shape& product = args.out[0].shape;
  const Id a = in_batch(to, args.in[1], product);
  const Id b = in_batch(to, args.in[2], product);
  return {to.add("AddMM", {alpha, beta}, {a, b, to.broadcast(args.in[0], product)}, args.out[0])};
}

std::vector<int> integers(const Shape& values) { return {values.begin(), values.end()}; }

State conv_state(const ConvAttrs& conv) {
  return {integers(conv.stride),
          integers(conv.padding_lo),
          integers(conv.padding_hi),
          integers(conv.kernel_dilation),
          integers(conv.input_dilation),
          conv.groups,
          conv.flip};
}

std::vector<Id> write_convolution(Lowering& to, const WriteArgs& args) {
  return {to.add("Convolution", conv_state(args.attrs.get<ConvAttrs>()), args.in, args.out[0])};
}

std::vector<Id> write_weight_grad(Lowering& to, const WriteArgs& args) {
  const auto& [conv, kernel] = args.attrs.get<ConvWeightGradAttrs>();
  State state = conv_state(conv);
  state.push_back(integers(kernel));
  return {to.add(own_name(args.op), std::move(state), args.in, args.out[0])};
}

State quant_state(const QuantFormat& format) {
  return {format.group, format.bits, static_cast<int>(format.mode)};
}

std::vector<Id> write_quantize(Lowering& to, const WriteArgs& args) {
  State state = quant_state(args.attrs.get<QuantAttrs>().format);
  if (&args.op == &kRoundTrip || args.in.size() > 1) {
    return to.add_all(own_name(args.op), std::move(state), args.in, args.out);
  }
  state.push_back(false);
  return to.add_all("Quantize", std::move(state), args.in, args.out);
}

std::vector<Id> write_dequantize(Lowering& to, const WriteArgs& args) {
  const auto& [format, dtype] = args.attrs.get<DequantAttrs>();
  State state = quant_state(format);
  state.push_back(dtype);
  return {to.add(own_name(args.op), std::move(state), args.in, args.out[0])};
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

std::vector<Id> write_fp8(Lowering& to, const WriteArgs& args) {
  const State state = &args.op == &kFromFp8 ? State{args.attrs.get<Fp8Attrs>().dtype} : State{};
  return {to.add(own_name(args.op), state, args.in, args.out[0])};
}

// ---- reading

array read_conv(const ReadArgs& args, const array& input, const array& weight) {
  return conv_general(input, weight, args.integers(0), args.integers(1), args.integers(2),
                      args.integers(3), args.integers(4), args.integer(5), args.flag(6));
}

// The weight is not among the inputs; one of its shape stands for it where the call is checked.
Arrays read_weight_grad(const ReadArgs& args) {
  const array& input = args.in[0];
  const array& g = args.in[1];
  const Type& out = args.out[0];
  const array forward = read_conv(args, input, make_array(out.shape, out.dtype));
  require(
      forward.shape() == g.shape() && forward.dtype() == g.dtype() && input.dtype() == g.dtype(),
      "[import_function] Cotangent of a convolution: got ", g.dtype(), " of shape ", g.shape(),
      ", expected ", forward.dtype(), " of shape ", forward.shape(), ".");
  const Shape kernel(out.shape.begin() + 1, out.shape.end() - 1);
  const ConvAttrs conv = forward.node()->attrs.get<ConvAttrs>();
  return {make_node(kConvolutionWeightGrad, {input, g}, Attrs(ConvWeightGradAttrs{conv, kernel}),
                    to_stream({}))};
}

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

std::span<const WriteRow> product_writers() {
  static constexpr WriteRow kRows[] = {
      {&kMatmul, write_matmul},
      {&kAddmm, write_addmm},
      {&kConvolution, write_convolution},
      {&kConvolutionWeightGrad, write_weight_grad},
      {&kQuantize, write_quantize},
      {&kRoundTrip, write_quantize},
      {&kDequantize, write_dequantize},
      {&kQuantizedMatmul, write_quantized_matmul},
      {&kGatherQmm, write_quantized_matmul},
      {&kToFp8, write_fp8},
      {&kFromFp8, write_fp8},
  };
  return kRows;
}

std::span<const ReadRow> product_readers() {
  static constexpr ReadRow kRows[] = {
      {"Matmul", "", 2, 2, [](const ReadArgs& a) -> Arrays { return {matmul(a.in[0], a.in[1])}; },
       true},
      {"AddMM", "ff", 3, 3,
       [](const ReadArgs& a) -> Arrays {
         return {addmm(a.in[2], a.in[0], a.in[1], a.get<float>(0), a.get<float>(1))};
       },
       true},
      {"Convolution", "IIIIIib", 2, 2,
       [](const ReadArgs& a) -> Arrays { return {read_conv(a, a.in[0], a.in[1])}; }},
      {"collective::ConvolutionWeightGrad", "IIIIIibI", 2, 2, read_weight_grad},
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
