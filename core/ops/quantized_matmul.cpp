// Products with quantized matrices.

#include <algorithm>
#include <limits>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/quantized.h"
#include "mlx/core/ops/quantized_ops.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

Shape joined(Shape batch, ShapeElem rows, ShapeElem columns) {
  batch.push_back(rows);
  batch.push_back(columns);
  return batch;
}

// ---- types

struct Sizes {
  ShapeElem inner, outer;
};

Sizes sizes_of(const array& w, const QuantMatmulAttrs& attrs) {
  const ShapeElem columns = attrs.format.elements(w.shape(-1));
  return attrs.transpose ? Sizes{columns, w.shape(-2)} : Sizes{w.shape(-2), columns};
}

Dtype product_dtype(Inputs in, const QuantFormat& format) {
  return format.has_biases() ? result_type(in[0], in[2], in[3]) : in[0].dtype();
}

Type infer_quantized_matmul(Inputs in, const Attrs& a) {
  const auto& attrs = a.get<QuantMatmulAttrs>();
  const Shape batch = broadcast_shapes(batch_of(in[0]), batch_of(in[1]));
  return {joined(batch, in[0].shape(-2), sizes_of(in[1], attrs).outer),
          product_dtype(in, attrs.format)};
}

Type infer_gather_qmm(Inputs in, const Attrs& a) {
  const auto& attrs = a.get<QuantMatmulAttrs>();
  return {joined(in.back().shape(), in[0].shape(-2), sizes_of(in[1], attrs).outer),
          product_dtype(in, attrs.format)};
}

// ---- derivatives

[[noreturn]] void throw_no_gradient(std::string_view op) {
  throw_invalid("[", op, "] Gradient with respect to the packed matrix or indices: got one asked ",
                "for, expected x, scales or biases.");
}

// The cotangent of scales or biases from that of the unpacked matrix.
array parameter_cotangent(const QuantFormat& format, const array& matrix, const array& w,
                          bool is_scale, Stream s) {
  return group_sums(format, is_scale ? multiply(matrix, quantized_codes(format, w, s), s) : matrix,
                    s);
}

// The cotangent of the unpacked matrices.
array matrix_cotangent(const array& x, const array& g, bool transpose, Stream s) {
  const array wide = astype(x, float32, s), wide_g = astype(g, float32, s);
  return transpose ? matmul(swapaxes(wide_g, -1, -2, s), wide, s)
                   : matmul(swapaxes(wide, -1, -2, s), wide_g, s);
}

Arrays replaced_first(Inputs in, const array& first) {
  Arrays out(in.begin(), in.end());
  out[0] = first;
  return out;
}

Attrs with_other_side(const Attrs& a) {
  QuantMatmulAttrs attrs = a.get<QuantMatmulAttrs>();
  attrs.transpose = !attrs.transpose;
  return Attrs(attrs);
}

Arrays vjp_quantized_matmul(const VjpArgs& args) {
  const Stream s = args.stream;
  const auto& [format, transpose] = args.attrs.get<QuantMatmulAttrs>();
  const array& x = args.inputs[0];
  const array& w = args.inputs[1];
  const array& g = args.cotangents[0];
  Arrays out;
  for (int i : args.argnums) {
    const array& input = args.inputs[static_cast<size_t>(i)];
    if (i == 0) {
      const array full = make_node(kQuantizedMatmul, replaced_first(args.inputs, g),
                                   with_other_side(args.attrs), s);
      out.push_back(astype(sum_to(full, x.shape(), s), x.dtype(), s));
    } else if (i >= 2 && format.has_biases()) {
      const bool shared = w.ndim() == 2 && x.ndim() > 2;
      const array matrices =
          shared ? matrix_cotangent(flatten(x, 0, -2, s), flatten(g, 0, -2, s), transpose, s)
                 : matrix_cotangent(x, g, transpose, s);
      Shape shape = w.shape();
      shape.back() = format.elements(shape.back());
      const array matrix = sum_to(matrices, shape, s);
      out.push_back(astype(parameter_cotangent(format, matrix, w, i == 2, s), input.dtype(), s));
    } else {
      throw_no_gradient("quantized_matmul");
    }
  }
  return out;
}

// The sums of `updates` over equal indices, in the shape `shape`.
array scattered(const array& updates, const array& indices, const Shape& shape, Stream s) {
  const array flat = flat_batch(zeros(shape, updates.dtype(), s), s);
  const array rows = expand_dims(flat_batch(updates, s), 1, s);
  return reshape(scatter_add(flat, flatten(indices, s), rows, 0, s), shape, s);
}

Arrays vjp_gather_qmm(const VjpArgs& args) {
  const Stream s = args.stream;
  const auto& [format, transpose] = args.attrs.get<QuantMatmulAttrs>();
  const array& x = args.inputs[0];
  const array& w = args.inputs[1];
  const array& lhs = args.inputs[args.inputs.size() - 2];
  const array& rhs = args.inputs.back();
  const array g = flat_batch(args.cotangents[0], s);
  Arrays out;
  for (int i : args.argnums) {
    const array& input = args.inputs[static_cast<size_t>(i)];
    if (i == 0) {
      Arrays inputs = replaced_first(args.inputs, g);
      const auto count = static_cast<double>(rhs.size());
      inputs[inputs.size() - 2] = arange(count, uint32, s);
      inputs.back() = flatten(rhs, s);
      const array each = make_node(kGatherQmm, inputs, with_other_side(args.attrs), s);
      out.push_back(astype(scattered(each, lhs, x.shape(), s), x.dtype(), s));
    } else if ((i == 2 || i == 3) && format.has_biases()) {
      const array rows = take(flat_batch(x, s), flatten(lhs, s), 0, s);
      Shape shape = w.shape();
      shape.back() = format.elements(shape.back());
      const array matrix = scattered(matrix_cotangent(rows, g, transpose, s), rhs, shape, s);
      out.push_back(astype(parameter_cotangent(format, matrix, w, i == 2, s), input.dtype(), s));
    } else {
      throw_no_gradient("gather_qmm");
    }
  }
  return out;
}

// ---- vmap

// The packed matrix and what belongs to it share their batch axes.
Arrays matrix_in_front(const VmapArgs& args, size_t end, size_t axes) {
  Arrays out;
  const bool mapped = any_mapped(args, 1, end);
  for (size_t i = 1; i < end; ++i) {
    array x = mapped ? repeated_in_front(args, i) : args.inputs[i];
    while (mapped && x.ndim() <= axes) x = expand_dims(x, 1, args.stream);
    out.push_back(std::move(x));
  }
  return out;
}

Mapped vmap_quantized_matmul(const VmapArgs& args) {
  size_t axes = 0;
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    axes = std::max(axes, args.inputs[i].ndim() - (is_mapped(args, i) ? 1 : 0));
  }
  Arrays inputs = matrix_in_front(args, args.inputs.size(), axes);
  inputs.insert(inputs.begin(), in_front_of(args, 0, axes));
  return mapped_in_front({make_node(kQuantizedMatmul, std::move(inputs), args.attrs, args.stream)});
}

ShapeElem batch_size(const array& x, int mapped_axis) {
  ShapeElem size = static_cast<ShapeElem>(x.size());
  const auto ndim = static_cast<int>(x.ndim());
  // The last two axes but for the mapped one.
  for (int axis = ndim - 1, left = 2; left > 0; --axis) {
    if (axis == mapped_axis) continue;
    size = x.shape(axis) == 0 ? 0 : size / x.shape(axis);
    --left;
  }
  return mapped_axis < 0 || size == 0 ? size : size / x.shape(mapped_axis);
}

Mapped vmap_gather_qmm(const VmapArgs& args) {
  const size_t lhs = args.inputs.size() - 2, rhs = lhs + 1;
  Arrays inputs = matrix_in_front(args, lhs, 0);
  inputs.insert(inputs.begin(), in_front(args, 0));
  inputs.push_back(
      indices_in_front(args, lhs, batch_size(args.inputs[0], args.axes[0]), is_mapped(args, 0)));
  inputs.push_back(indices_in_front(args, rhs, batch_size(args.inputs[1], args.axes[1]),
                                    any_mapped(args, 1, lhs)));
  return mapped_in_front({make_node(kGatherQmm, std::move(inputs), args.attrs, args.stream)});
}

// ---- building

void check_product(std::string_view op, const QuantMatmulAttrs& attrs, const array& x,
                   const array& w, Dtype dtype) {
  require(issubdtype(dtype, floating) && dtype != float64, "[", op, "] Dtype: got ", dtype,
          ", expected float16, bfloat16 or float32.");
  const Sizes sizes = sizes_of(w, attrs);
  require(x.shape(-1) == sizes.inner, "[", op, "] Inner sizes differ: got x of shape ", x.shape(),
          " and a packed matrix of shape ", w.shape(), ", expected ", sizes.inner,
          " elements in the last axis of x.");
  for (ShapeElem n : {x.shape(-2), sizes.inner, sizes.outer}) {
    require(n <= std::numeric_limits<int32_t>::max(), "[", op, "] Matrix too large: got ", n,
            " rows or columns, expected fewer than 2^31.");
  }
}

Arrays product_inputs(const array& x, const array& w, const array& scales,
                      const std::optional<array>& biases) {
  Arrays inputs{x, w, scales};
  if (biases) inputs.push_back(*biases);
  return inputs;
}

constexpr std::string_view kQqmm = "qqmm", kGatherQqmm = "gather_qqmm";

/// The arguments of a product of which both sides are quantized.
struct BothQuantized {
  std::string_view op;
  QuantFormat format;
  const array& x;
  const array& w;
  const std::optional<array>& scales;
  const std::optional<array>& global_x;
  const std::optional<array>& global_w;
  Stream s;
};

void check(const BothQuantized& b) {
  const auto& [op, format, x, w, scales, global_x, global_w, s] = b;
  require(!format.has_biases(), "[", op, "] Mode: got affine, expected mxfp4, mxfp8 or nvfp4.");
  check_global_scale(op, format, global_x);
  check_global_scale(op, format, global_w);
  require(global_x.has_value() == global_w.has_value(), "[", op,
          "] Global scales: got one, expected both or none.");
  require(issubdtype(x.dtype(), floating) && x.dtype() != float64, "[", op, "] Dtype of x: got ",
          x.dtype(), ", expected float16, bfloat16 or float32.");
  require(x.ndim() > 0 && x.shape(-1) % format.group == 0, "[", op, "] x: got shape ", x.shape(),
          ", expected the last axis a multiple of the group size ", format.group, ".");
  if (scales) {
    check_packed(op, format, w, *scales, std::nullopt);
    return;
  }
  require(w.dtype() != uint32, "[", op, "] Got a packed matrix without scales.");
  require(issubdtype(w.dtype(), floating) && w.dtype() != float64, "[", op, "] Dtype of w: got ",
          w.dtype(), ", expected float16, bfloat16 or float32.");
  require(w.ndim() >= 2 && w.shape(-1) == x.shape(-1), "[", op, "] Inner sizes differ: got shapes ",
          x.shape(), " and ", w.shape(), ", expected equal last axes.");
}

array round_trip(const BothQuantized& b, const array& x, const std::optional<array>& global) {
  Arrays inputs{x};
  if (global) inputs.push_back(*global);
  return make_node(kRoundTrip, std::move(inputs), Attrs(QuantAttrs{b.format}), b.s);
}

array with_global_factor(const BothQuantized& b, const array& product) {
  if (!b.global_w || !b.scales) return astype(product, b.x.dtype(), b.s);
  const array factor = divide(reshape(*b.global_w, {}, b.s), array(kGlobalScaleRange), b.s);
  return astype(multiply(product, factor, b.s), b.x.dtype(), b.s);
}

}  // namespace

constinit const Op kQuantizedMatmul{.name = "QuantizedMatmul",
                                    .infer = infer_quantized_matmul,
                                    .vjp = vjp_quantized_matmul,
                                    .vmap = vmap_quantized_matmul,
                                    .holds_sizes = kAlways};
constinit const Op kGatherQmm{.name = "GatherQMM",
                              .infer = infer_gather_qmm,
                              .vjp = vjp_gather_qmm,
                              .vmap = vmap_gather_qmm,
                              .holds_sizes = kAlways};

array quantized_matmul(const array& x, const array& w, const array& scales,
                       const std::optional<array>& biases, bool transpose,
                       std::optional<int> group_size, std::optional<int> bits,
                       const std::string& mode, StreamOrDevice s) {
  const QuantFormat format = quant_format("quantized_matmul", mode, group_size, bits);
  check_packed("quantized_matmul", format, w, scales, biases);
  require(x.ndim() > 0, "[quantized_matmul] Got a scalar, expected x with at least one axis.");
  const Stream stream = to_stream(std::move(s));
  const bool vector = x.ndim() == 1;
  const Arrays inputs = product_inputs(vector ? expand_dims(x, 0, stream) : x, w, scales, biases);
  const QuantMatmulAttrs attrs{format, transpose};
  check_product("quantized_matmul", attrs, inputs[0], w, product_dtype(inputs, format));
  const array product = make_node(kQuantizedMatmul, inputs, Attrs(attrs), stream);
  return vector ? squeeze(product, -2, stream) : product;
}

array gather_qmm(const array& x, const array& w, const array& scales,
                 const std::optional<array>& biases, std::optional<array> lhs_indices,
                 std::optional<array> rhs_indices, bool transpose, std::optional<int> group_size,
                 std::optional<int> bits, const std::string& mode, bool sorted_indices,
                 StreamOrDevice s) {
  if (!lhs_indices && !rhs_indices) {
    require(x.ndim() >= 2, "[gather_qmm] Got ", x.ndim(), " axes of x, expected at least 2.");
    return quantized_matmul(x, w, scales, biases, transpose, group_size, bits, mode, std::move(s));
  }
  static_cast<void>(sorted_indices);  // runs of equal indices are found as they come
  const QuantFormat format = quant_format("gather_qmm", mode, group_size, bits);
  check_packed("gather_qmm", format, w, scales, biases);
  const Stream stream = to_stream(std::move(s));
  const Arrays indices = checked_indices("gather_qmm", x, w, lhs_indices, rhs_indices, stream);
  Arrays inputs = product_inputs(x, w, scales, biases);
  const QuantMatmulAttrs attrs{format, transpose};
  check_product("gather_qmm", attrs, x, w, product_dtype(inputs, format));
  inputs.insert(inputs.end(), indices.begin(), indices.end());
  return make_node(kGatherQmm, std::move(inputs), Attrs(attrs), stream);
}

array qqmm(const array& x, const array& w, const std::optional<array>& w_scales,
           std::optional<int> group_size, std::optional<int> bits, const std::string& mode,
           const std::optional<array>& global_scale_x, const std::optional<array>& global_scale_w,
           StreamOrDevice s) {
  const BothQuantized b{kQqmm,
                        quant_format(kQqmm, mode, group_size, bits),
                        x,
                        w,
                        w_scales,
                        global_scale_x,
                        global_scale_w,
                        to_stream(std::move(s))};
  require(w.ndim() == 2, "[qqmm] w: got ", w.ndim(), " axes, expected 2.");
  check(b);
  const array left = round_trip(b, x, global_scale_x);
  const array product =
      w_scales
          ? quantized_matmul(left, w, *w_scales, std::nullopt, true, group_size, bits, mode, b.s)
          : matmul(left, swapaxes(round_trip(b, w, global_scale_w), -1, -2, b.s), b.s);
  return with_global_factor(b, product);
}

array gather_qqmm(const array& x, const array& w, const std::optional<array>& scales_w,
                  const std::optional<array>& lhs_indices, const std::optional<array>& rhs_indices,
                  std::optional<int> group_size, std::optional<int> bits, const std::string& mode,
                  const std::optional<array>& global_scale_x,
                  const std::optional<array>& global_scale_w, bool sorted_indices,
                  StreamOrDevice s) {
  const BothQuantized b{kGatherQqmm,
                        quant_format(kGatherQqmm, mode, group_size, bits),
                        x,
                        w,
                        scales_w,
                        global_scale_x,
                        global_scale_w,
                        to_stream(std::move(s))};
  check(b);
  const Arrays indices = checked_indices(kGatherQqmm, x, w, lhs_indices, rhs_indices, b.s);
  const array left = round_trip(b, x, global_scale_x);
  if (scales_w) {
    return with_global_factor(
        b, gather_qmm(left, w, *scales_w, std::nullopt, indices[0], indices[1], true, group_size,
                      bits, mode, sorted_indices, b.s));
  }
  const array right = swapaxes(round_trip(b, w, global_scale_w), -1, -2, b.s);
  const array rows = take(flat_batch(left, b.s), indices[0], 0, b.s);
  return with_global_factor(b, matmul(rows, take(flat_batch(right, b.s), indices[1], 0, b.s), b.s));
}

}  // namespace mlx::core
