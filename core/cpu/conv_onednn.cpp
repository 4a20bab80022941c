#include "mlx/core/cpu/conv_onednn.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "mlx/core/cpu/gemm.h"
#include "mlx/core/cpu/onednn.h"

namespace mlx::core::cpu {
namespace {

using dnnl::memory;
using Desc = memory::desc;
using Dims = memory::dims;

/// y[i] = sum over k of x[i * stride + k * dilation - lo] w[k]. A convolution is that, or the
/// transposed map: then y is its input and x its output.
struct Correlation {
  bool transposed;
  Desc x, y, w;
  Dims stride{}, dilation{}, lo{}, hi{};  // as oneDNN counts: dilation from 0
};

// [N, spatial..., C] in the order of oneDNN: N, C, spatial.
Desc channels_last(const Shape& shape, memory::data_type type) {
  Dims dims{shape[0], shape.back()}, strides{0, 1};
  dims.insert(dims.end(), shape.begin() + 1, shape.end() - 1);
  strides.resize(dims.size());
  int64_t step = shape.back();
  for (size_t axis = dims.size(); axis-- > 2;) {
    strides[axis] = step;
    step *= dims[axis];
  }
  strides[0] = step;
  return Desc(dims, type, strides);
}

// [C_out, kernel..., C_in / groups] in the order of oneDNN: groups if there are more, channels of
// y, channels of x, kernel.
Desc weight_desc(const Shape& shape, int groups, bool transposed, memory::data_type type) {
  Desc last = channels_last(shape, type);
  Dims dims = last.dims(), strides(last.data.format_desc.blocking.strides,
                                   last.data.format_desc.blocking.strides + dims.size());
  dims[0] /= groups;
  const int64_t group_step = dims[0] * strides[0];
  if (transposed) {
    std::swap(dims[0], dims[1]);
    std::swap(strides[0], strides[1]);
  }
  if (groups > 1) {
    dims.insert(dims.begin(), groups);
    strides.insert(strides.begin(), group_step);
  }
  return Desc(dims, type, strides);
}

bool all_one(const Shape& values) {
  return std::all_of(values.begin(), values.end(), [](auto v) { return v == 1; });
}

/// A convolution with its shapes.
struct Convolution {
  ConvAttrs attrs;
  Shape input, weight, output;
};

// Over two axes instead of one: oneDNN has better kernels for them.
Convolution over_two_axes(Convolution c) {
  for (Shape* shape : {&c.input, &c.weight, &c.output}) shape->insert(shape->begin() + 1, 1);
  ConvAttrs& a = c.attrs;
  for (Shape* v : {&a.stride, &a.kernel_dilation, &a.input_dilation}) v->insert(v->begin(), 1);
  for (Shape* v : {&a.padding_lo, &a.padding_hi}) v->insert(v->begin(), 0);
  return c;
}

// Small ones are done before oneDNN has found its kernel.
bool is_small(const Convolution& c) {
  constexpr int64_t kFewProducts = 1 << 17;
  int64_t products = c.output.back() == 0 ? 0 : 1;
  for (ShapeElem n : c.output) products *= n;
  for (size_t i = 1; i < c.weight.size(); ++i) products *= c.weight[i];
  return products < kFewProducts;  // or nothing at all
}

// Nothing if oneDNN cannot say it, or is not worth asking.
std::optional<Correlation> correlation(const Convolution& all, Dtype dtype) {
  const auto& [conv, input, weight, output] =
      all.attrs.stride.size() == 1 ? over_two_axes(all) : all;
  if (is_small(all)) return std::nullopt;
  const bool direct = !conv.flip && all_one(conv.input_dilation);
  const bool transposed = conv.flip && all_one(conv.stride);
  if (!direct && !transposed) return std::nullopt;
  const auto type = dtype == bfloat16 ? memory::data_type::bf16 : memory::data_type::f32;
  Correlation c{.transposed = !direct,
                .x = channels_last(direct ? input : output, type),
                .y = channels_last(direct ? output : input, type),
                .w = weight_desc(weight, conv.groups, !direct, type)};
  const Shape& stride = direct ? conv.stride : conv.input_dilation;
  for (size_t i = 0; i < stride.size(); ++i) {
    const int64_t reach = (weight[i + 1] - 1) * conv.kernel_dilation[i];
    const int64_t lo = direct ? conv.padding_lo[i] : reach - conv.padding_lo[i];
    const int64_t x = c.x.dims()[i + 2], y = c.y.dims()[i + 2];
    const int64_t hi = (y - 1) * stride[i] + reach + 1 - x - lo;
    // It neither crops nor leaves more at the end than a stride skips.
    if (lo < 0 || hi <= -stride[i]) return std::nullopt;
    c.stride.push_back(stride[i]);
    c.dilation.push_back(conv.kernel_dilation[i] - 1);
    c.lo.push_back(lo);
    c.hi.push_back(hi);
  }
  return c;
}

memory memory_of(const Desc& desc, const array& x) {
  return {desc, onednn_engine(), const_cast<void*>(x.data<void>())};
}

Desc any_layout(const Desc& desc) {
  return {desc.dims(), desc.data_type(), memory::format_tag::any};
}

// In the layout that a primitive wants.
memory arranged(const memory& from, const Desc& desc) {
  if (from.get_desc() == desc) return from;
  memory to(desc, onednn_engine());
  dnnl::reorder(from, to).execute(onednn_stream(), const_cast<memory&>(from), to);
  return to;
}

template <typename PrimitiveDesc>
bool is_usable(const PrimitiveDesc& pd) {
  return pd && std::string_view(pd.impl_info_str()).substr(0, 3) != "ref";
}

using ForwardConvolution = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;
constexpr auto kDirect = dnnl::algorithm::convolution_direct;

ForwardConvolution::primitive_desc forward_desc(const Correlation& c, dnnl::prop_kind kind) {
  return {{kind, kDirect, c.x, any_layout(c.w), c.y, c.stride, c.dilation, c.lo, c.hi},
          onednn_engine(),
          true};
}

bool multiply(const Correlation& c, const array& x, const array& weight, array& y) {
  const auto pd = forward_desc(c, dnnl::prop_kind::forward_inference);
  if (!is_usable(pd)) return false;
  ForwardConvolution(pd).execute(
      onednn_stream(), {{DNNL_ARG_SRC, memory_of(c.x, x)},
                        {DNNL_ARG_WEIGHTS, arranged(memory_of(c.w, weight), pd.weights_desc())},
                        {DNNL_ARG_DST, memory_of(c.y, y)}});
  return true;
}

bool multiply_transposed(const Correlation& c, const array& y, const array& weight, array& x) {
  const auto forward = forward_desc(c, dnnl::prop_kind::forward_training);
  if (!forward) return false;
  const BackwardData::primitive_desc pd(
      {kDirect, c.x, any_layout(c.w), c.y, c.stride, c.dilation, c.lo, c.hi}, onednn_engine(),
      forward, true);
  if (!is_usable(pd)) return false;
  BackwardData(pd).execute(onednn_stream(),
                           {{DNNL_ARG_DIFF_DST, memory_of(c.y, y)},
                            {DNNL_ARG_WEIGHTS, arranged(memory_of(c.w, weight), pd.weights_desc())},
                            {DNNL_ARG_DIFF_SRC, memory_of(c.x, x)}});
  return true;
}

// oneDNN 2.6 leaves the cotangents of bfloat16 weights that meet nothing but padding as they are.
bool every_weight_meets_input(const Correlation& c) {
  const Dims x = c.x.dims(), y = c.y.dims(), w = c.w.dims();
  for (size_t axis = 0; axis < c.stride.size(); ++axis) {
    const int64_t size = x[axis + 2], step = c.stride[axis];
    for (int64_t k = 0; k < w[w.size() - c.stride.size() + axis]; ++k) {
      const int64_t first =
          k * (c.dilation[axis] + 1) - c.lo[axis];  // met by the first element of y
      const int64_t i = first < 0 ? (step - 1 - first) / step : 0;
      if (i >= y[axis + 2] || i * step + first >= size) return false;
    }
  }
  return true;
}

bool weight_cotangent(const Correlation& c, const array& x, const array& y, array& weight) {
  if (!every_weight_meets_input(c)) return false;
  const auto forward = forward_desc(c, dnnl::prop_kind::forward_training);
  if (!forward) return false;
  const BackwardWeights::primitive_desc pd(
      {kDirect, c.x, any_layout(c.w), c.y, c.stride, c.dilation, c.lo, c.hi}, onednn_engine(),
      forward, true);
  if (!is_usable(pd)) return false;
  memory out = memory_of(c.w, weight);
  memory made =
      pd.diff_weights_desc() == c.w ? out : memory(pd.diff_weights_desc(), onednn_engine());
  BackwardWeights(pd).execute(onednn_stream(), {{DNNL_ARG_SRC, memory_of(c.x, x)},
                                                {DNNL_ARG_DIFF_DST, memory_of(c.y, y)},
                                                {DNNL_ARG_DIFF_WEIGHTS, made}});
  if (made != out) dnnl::reorder(made, out).execute(onednn_stream(), made, out);
  return true;
}

}  // namespace

bool onednn_convolves(Dtype dtype) {
#if defined(__x86_64__)
  return dtype == float32 || (dtype == bfloat16 && has_gemm_bfloat16());
#else
  return false;
#endif
}

bool convolution_onednn(const ConvAttrs& conv, const array& input, const array& weight,
                        array& out) {
  const auto c = correlation({conv, input.shape(), weight.shape(), out.shape()}, out.dtype());
  if (!c) return false;
  return c->transposed ? multiply_transposed(*c, input, weight, out)
                       : multiply(*c, input, weight, out);
}

bool convolution_weight_grad_onednn(const ConvAttrs& conv, const array& input, const array& g,
                                    array& out) {
  const auto c = correlation({conv, input.shape(), out.shape(), g.shape()}, out.dtype());
  if (!c) return false;
  return c->transposed ? weight_cotangent(*c, g, input, out) : weight_cotangent(*c, input, g, out);
}

}  // namespace mlx::core::cpu
