// Matrix products and convolutions.

#include <algorithm>

#include "mlx/core/graph/node.h"
#include "mlx/core/io/export_table.h"
#include "mlx/core/ops/conv.h"
#include "mlx/core/ops/conv_ops.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core::io {
namespace {

// ---- what MLX composes

// The weight's cotangent is the convolution of the input with the cotangent,
// images and channels exchanged; strides and dilations of the kernel as well.
array weight_grad(const array& input, const array& g, const ConvWeightGradAttrs& attrs, Stream s) {
  const ConvAttrs& conv = attrs.conv;
  std::vector<int> stride, lo, hi, kernel_dilation, input_dilation, kernel_axes;
  for (size_t i = 0; i < attrs.kernel.size(); ++i) {
    const ShapeElem size = (input.shape()[i + 1] - 1) * conv.input_dilation[i] + 1;
    const ShapeElem reach = conv.kernel_dilation[i] * (attrs.kernel[i] - 1) +
                            conv.stride[i] * (g.shape()[i + 1] - 1) + 1;
    stride.push_back(static_cast<int>(conv.kernel_dilation[i]));
    kernel_dilation.push_back(static_cast<int>(conv.stride[i]));
    input_dilation.push_back(static_cast<int>(conv.input_dilation[i]));
    lo.push_back(static_cast<int>(conv.padding_lo[i]));
    hi.push_back(static_cast<int>(std::max<ShapeElem>(0, reach - size - conv.padding_lo[i])));
    kernel_axes.push_back(static_cast<int>(i) + 1);
  }
  const array y = conv_general(swapaxes(input, 0, -1, s), swapaxes(g, 0, -1, s), stride, lo, hi,
                               kernel_dilation, input_dilation, 1, false, s);
  Shape stop = y.shape();
  std::copy(attrs.kernel.begin(), attrs.kernel.end(), stop.begin() + 1);
  const array taps = slice(y, Shape(y.ndim(), 0), stop, s);
  return swapaxes(conv.flip ? flip(taps, kernel_axes, s) : taps, 0, -1, s);
}

Arrays formula_weight_grad(Inputs in, const Attrs& a, Stream s) {
  const auto& attrs = a.get<ConvWeightGradAttrs>();
  const Arrays inputs = split(in[0], attrs.conv.groups, -1, s);
  const Arrays cotangents = split(in[1], attrs.conv.groups, -1, s);
  Arrays groups;
  for (size_t i = 0; i < inputs.size(); ++i) {
    groups.push_back(weight_grad(inputs[i], cotangents[i], attrs, s));
  }
  return {concatenate(groups, 0, s)};
}

// ---- writing

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
  return to.add_as(formula_weight_grad, args.op, args.attrs, std::move(state), args.in, args.out);
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

}  // namespace

Id in_batch(Lowering& to, Id matrix, const Shape& product) {
  const Shape& own = to.shape(matrix);
  Shape shape(product.begin(), product.end() - 2);
  shape.insert(shape.end(), own.end() - 2, own.end());
  return to.broadcast(matrix, shape);
}

std::span<const WriteRow> product_writers() {
  static constexpr WriteRow kRows[] = {
      {&kMatmul, write_matmul},
      {&kAddmm, write_addmm},
      {&kConvolution, write_convolution},
      {&kConvolutionWeightGrad, write_weight_grad},
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
  };
  return kRows;
}

}  // namespace mlx::core::io
