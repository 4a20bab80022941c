#include "mlx/core/ops/conv.h"

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/conv_ops.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

constexpr size_t kMaxSpatialAxes = 3;

int64_t dilated(int64_t size, int64_t dilation) {
  return size == 0 ? 0 : (size - 1) * dilation + 1;
}

Type infer_convolution(Inputs in, const Attrs& attrs) {
  const auto& conv = attrs.get<ConvAttrs>();
  Shape shape{in[0].shape(0)};
  for (size_t i = 0; i < conv.stride.size(); ++i) {
    const int64_t padded = dilated(in[0].shape()[i + 1], conv.input_dilation[i]) +
                           conv.padding_lo[i] + conv.padding_hi[i];
    const int64_t window = dilated(in[1].shape()[i + 1], conv.kernel_dilation[i]);
    require(padded >= window, "[conv] Input too small: got ", padded,
            " elements after padding along spatial axis ", i, ", expected at least the ", window,
            " that the kernel covers.");
    shape.push_back((padded - window) / conv.stride[i] + 1);
  }
  shape.push_back(in[1].shape(0));
  return {std::move(shape), in[0].dtype()};
}

Type infer_weight_grad(Inputs in, const Attrs& attrs) {
  const auto& [conv, kernel] = attrs.get<ConvWeightGradAttrs>();
  Shape shape{in[1].shape(-1)};
  shape.insert(shape.end(), kernel.begin(), kernel.end());
  shape.push_back(in[0].shape(-1) / conv.groups);
  return {std::move(shape), in[0].dtype()};
}

// [C_out, kernel..., C_in / groups] -> [C_in, kernel..., C_out / groups]
array swap_channels(const array& weight, int groups, StreamOrDevice s) {
  if (groups == 1) {
    return swapaxes(weight, 0, -1, s);
  }
  const array grouped = unflatten(weight, 0, {groups, -1}, s);
  return flatten(swapaxes(grouped, 1, -1, s), 0, 1, s);
}

// The cotangent of a convolution's input is itself a convolution: of the
// output's cotangent g with the weight turned around and its channels swapped.
// Stride and input dilation change places, and input element i meets
//   i * input_dilation + k' * kernel_dilation - ((K - 1) * kernel_dilation - lo)
// of g with stride - 1 zeros between its elements.
array input_grad(const array& g, const array& weight, const Shape& input, const ConvAttrs& conv,
                 StreamOrDevice s) {
  ConvAttrs back = conv;
  back.stride = conv.input_dilation;
  back.input_dilation = conv.stride;
  back.flip = !conv.flip;
  for (size_t i = 0; i < conv.stride.size(); ++i) {
    if (input[i + 1] == 0) {
      return zeros(input, g.dtype(), s);
    }
    const int64_t reach = dilated(weight.shape()[i + 1], conv.kernel_dilation[i]) - 1;
    back.padding_lo[i] = reach - conv.padding_lo[i];
    back.padding_hi[i] = dilated(input[i + 1], conv.input_dilation[i]) + reach -
                         dilated(g.shape()[i + 1], conv.stride[i]) - back.padding_lo[i];
  }
  return make_node(kConvolution, {g, swap_channels(weight, conv.groups, s)}, Attrs(back),
                   to_stream(s));
}

array weight_grad(const array& input, const array& g, const Shape& weight, const ConvAttrs& conv,
                  StreamOrDevice s) {
  const Shape kernel(weight.begin() + 1, weight.end() - 1);
  return make_node(kConvolutionWeightGrad, {input, g}, Attrs(ConvWeightGradAttrs{conv, kernel}),
                   to_stream(s));
}

// A convolution is linear in its input and in its weight.
Arrays vjp_convolution(const VjpArgs& args) {
  const auto& conv = args.attrs.get<ConvAttrs>();
  const array& g = args.cotangents[0];
  Arrays out;
  for (int i : args.argnums) {
    out.push_back(i == 0
                      ? input_grad(g, args.inputs[1], args.inputs[0].shape(), conv, args.stream)
                      : weight_grad(args.inputs[0], g, args.inputs[1].shape(), conv, args.stream));
  }
  return out;
}

Arrays vjp_weight_grad(const VjpArgs& args) {
  const auto& conv = args.attrs.get<ConvWeightGradAttrs>().conv;
  const array& weight = args.cotangents[0];
  Arrays out;
  for (int i : args.argnums) {
    out.push_back(
        i == 0 ? input_grad(args.inputs[1], weight, args.inputs[0].shape(), conv, args.stream)
               : make_node(kConvolution, {args.inputs[0], weight}, Attrs(conv), args.stream));
  }
  return out;
}

// One value for each spatial axis: one for all, or the default if none is given.
Shape per_axis(const std::vector<int>& values, size_t axes, int otherwise, const char* what) {
  require(values.size() <= 1 || values.size() == axes, "[conv] ", what, ": got ", values.size(),
          " values, expected ", axes, ".");
  if (values.size() <= 1) {
    return Shape(axes, values.empty() ? otherwise : values[0]);
  }
  return Shape(values.begin(), values.end());
}

Shape positive_per_axis(const std::vector<int>& values, size_t axes, const char* what) {
  const Shape out = per_axis(values, axes, 1, what);
  for (ShapeElem value : out) {
    require(value > 0, "[conv] ", what, ": got ", value, ", expected a positive value.");
  }
  return out;
}

void check_shapes(const array& input, const array& weight, int groups) {
  const size_t axes = input.ndim() - 2;
  require(input.ndim() > 2 && axes <= kMaxSpatialAxes, "[conv] Input shape: got ", input.shape(),
          ", expected [N, spatial..., C] with 1 to 3 spatial axes.");
  require(weight.ndim() == input.ndim(), "[conv] Weight shape: got ", weight.shape(),
          ", expected [C_out, kernel..., C_in / groups] with ", input.ndim(), " axes.");
  for (size_t i = 1; i <= axes; ++i) {
    require(weight.shape()[i] > 0, "[conv] Weight shape: got ", weight.shape(),
            ", expected a kernel with elements.");
  }
  require(groups > 0, "[conv] Groups: got ", groups, ", expected a positive number.");
  require(input.shape(-1) == weight.shape(-1) * groups, "[conv] Input channels: got ",
          input.shape(-1), ", expected ", weight.shape(-1) * groups, " (", groups,
          " groups of the weight's ", weight.shape(-1), ").");
  require(weight.shape(0) % groups == 0, "[conv] Output channels: got ", weight.shape(0),
          ", expected a multiple of the ", groups, " groups.");
}

// Checks what the wrappers know of the rank, which conv_general takes from the input.
void check_rank(const array& input, size_t axes) {
  require(input.ndim() == axes + 2, "[conv] Input shape: got ", input.shape(), ", expected ",
          axes + 2, " axes for a convolution over ", axes, ".");
}

std::vector<int> list(int value) { return {value}; }
std::vector<int> list(const std::pair<int, int>& v) { return {v.first, v.second}; }
std::vector<int> list(const std::tuple<int, int, int>& v) {
  return {std::get<0>(v), std::get<1>(v), std::get<2>(v)};
}

// Spreads each input element over the outputs that its taps reach.
array transposed(const array& input, const array& weight, const std::vector<int>& stride,
                 const std::vector<int>& padding, const std::vector<int>& dilation,
                 const std::vector<int>& output_padding, int groups, StreamOrDevice s) {
  const size_t axes = stride.size();
  check_rank(input, axes);
  check_shapes(input, weight, groups);
  std::vector<int> lo;
  std::vector<int> hi;
  for (size_t i = 0; i < axes; ++i) {
    require(output_padding[i] >= 0, "[conv_transpose] Output padding: got ", output_padding[i],
            ", expected a non-negative value.");
    lo.push_back(dilation[i] * static_cast<int>(weight.shape()[i + 1] - 1) - padding[i]);
    hi.push_back(lo[i] + output_padding[i]);
  }
  return conv_general(input, weight, std::vector<int>(axes, 1), lo, hi, dilation, stride, groups,
                      /*flip=*/true, s);
}

}  // namespace

constinit const Op kConvolution{.name = "Convolution",
                                .infer = infer_convolution,
                                .vjp = vjp_convolution,
                                .vmap = vmap_convolution,
                                .holds_sizes = kAlways};
constinit const Op kConvolutionWeightGrad{.name = "ConvolutionWeightGrad",
                                          .infer = infer_weight_grad,
                                          .vjp = vjp_weight_grad,
                                          .vmap = vmap_weight_grad,
                                          .holds_sizes = kAlways};

array conv_general(array input, array weight, std::vector<int> stride, std::vector<int> padding_lo,
                   std::vector<int> padding_hi, std::vector<int> kernel_dilation,
                   std::vector<int> input_dilation, int groups, bool flip, StreamOrDevice s) {
  check_shapes(input, weight, groups);
  const Dtype dtype = result_type(input, weight);
  require(issubdtype(input.dtype(), floating) && issubdtype(dtype, floating), "[conv] Dtypes: got ",
          input.dtype(), " and ", weight.dtype(), ", expected floating-point arrays.");
  const size_t axes = input.ndim() - 2;
  ConvAttrs conv{.stride = positive_per_axis(stride, axes, "Stride"),
                 .padding_lo = per_axis(padding_lo, axes, 0, "Low padding"),
                 .padding_hi = per_axis(padding_hi, axes, 0, "High padding"),
                 .kernel_dilation = positive_per_axis(kernel_dilation, axes, "Kernel dilation"),
                 .input_dilation = positive_per_axis(input_dilation, axes, "Input dilation"),
                 .groups = groups,
                 .flip = flip};
  return make_node(kConvolution, {astype(input, dtype, s), astype(weight, dtype, s)},
                   Attrs(std::move(conv)), to_stream(s));
}

array conv_general(const array& input, const array& weight, std::vector<int> stride,
                   std::vector<int> padding, std::vector<int> kernel_dilation,
                   std::vector<int> input_dilation, int groups, bool flip, StreamOrDevice s) {
  return conv_general(input, weight, std::move(stride), padding, padding,
                      std::move(kernel_dilation), std::move(input_dilation), groups, flip, s);
}

array conv1d(const array& input, const array& weight, int stride, int padding, int dilation,
             int groups, StreamOrDevice s) {
  check_rank(input, 1);
  return conv_general(input, weight, list(stride), list(padding), list(dilation), {}, groups, false,
                      s);
}

array conv2d(const array& input, const array& weight, const std::pair<int, int>& stride,
             const std::pair<int, int>& padding, const std::pair<int, int>& dilation, int groups,
             StreamOrDevice s) {
  check_rank(input, 2);
  return conv_general(input, weight, list(stride), list(padding), list(dilation), {}, groups, false,
                      s);
}

array conv3d(const array& input, const array& weight, const std::tuple<int, int, int>& stride,
             const std::tuple<int, int, int>& padding, const std::tuple<int, int, int>& dilation,
             int groups, StreamOrDevice s) {
  check_rank(input, 3);
  return conv_general(input, weight, list(stride), list(padding), list(dilation), {}, groups, false,
                      s);
}

array conv_transpose1d(const array& input, const array& weight, int stride, int padding,
                       int dilation, int output_padding, int groups, StreamOrDevice s) {
  return transposed(input, weight, list(stride), list(padding), list(dilation),
                    list(output_padding), groups, s);
}

array conv_transpose2d(const array& input, const array& weight, const std::pair<int, int>& stride,
                       const std::pair<int, int>& padding, const std::pair<int, int>& dilation,
                       const std::pair<int, int>& output_padding, int groups, StreamOrDevice s) {
  return transposed(input, weight, list(stride), list(padding), list(dilation),
                    list(output_padding), groups, s);
}

array conv_transpose3d(const array& input, const array& weight,
                       const std::tuple<int, int, int>& stride,
                       const std::tuple<int, int, int>& padding,
                       const std::tuple<int, int, int>& dilation,
                       const std::tuple<int, int, int>& output_padding, int groups,
                       StreamOrDevice s) {
  return transposed(input, weight, list(stride), list(padding), list(dilation),
                    list(output_padding), groups, s);
}

}  // namespace mlx::core
