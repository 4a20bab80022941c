#include "mlx/core/ops/quantized.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/formula.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/quantized_ops.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/transforms.h"

namespace mlx::core {

// ---- checks

QuantFormat quant_format(std::string_view op, const std::string& mode,
                         std::optional<int> group_size, std::optional<int> bits) {
  struct Row {
    std::string_view name;
    QuantFormat defaults;
  };
  static constexpr Row kModes[] = {{"affine", {QuantMode::affine, 64, 4}},
                                   {"mxfp4", {QuantMode::mxfp4, 32, 4}},
                                   {"mxfp8", {QuantMode::mxfp8, 32, 8}},
                                   {"nvfp4", {QuantMode::nvfp4, 16, 4}}};
  const auto* row = std::find_if(std::begin(kModes), std::end(kModes),
                                 [&](const Row& r) { return r.name == mode; });
  require(row != std::end(kModes), "[", op, "] Unknown quantization mode: got '", mode,
          "', expected affine, mxfp4, mxfp8 or nvfp4.");
  QuantFormat format = row->defaults;
  format.group = group_size.value_or(format.group);
  format.bits = bits.value_or(format.bits);
  if (format.mode == QuantMode::affine) {
    require(format.group == 32 || format.group == 64 || format.group == 128, "[", op,
            "] Group size: got ", format.group, ", expected 32, 64 or 128.");
    require(format.bits > 0 && format.bits <= 8 && format.bits != 7, "[", op, "] Bits: got ",
            format.bits, ", expected 1, 2, 3, 4, 5, 6 or 8.");
  } else {
    require(format.group == row->defaults.group, "[", op, "] Group size of ", mode, ": got ",
            format.group, ", expected ", row->defaults.group, ".");
    require(format.bits == row->defaults.bits, "[", op, "] Bits of ", mode, ": got ", format.bits,
            ", expected ", row->defaults.bits, ".");
  }
  return format;
}

void check_packed(std::string_view op, const QuantFormat& format, const array& w,
                  const array& scales, const std::optional<array>& biases) {
  require(w.dtype() == uint32, "[", op, "] Dtype of the packed matrix: got ", w.dtype(),
          ", expected uint32.");
  require(w.ndim() >= 2, "[", op, "] Packed matrix: got ", w.ndim(), " axes, expected at least 2.");
  Shape expected = w.shape();
  expected.back() = format.elements(w.shape(-1)) / format.group;
  require(scales.shape() == expected && format.words(expected.back() * format.group) == w.shape(-1),
          "[", op, "] Scales of a packed matrix of shape ", w.shape(), " with groups of ",
          format.group, " and ", format.bits, " bits: got shape ", scales.shape(), ", expected ",
          expected, ".");
  require(biases.has_value() == format.has_biases(), "[", op, "] Biases: got ",
          biases ? "some" : "none", ", expected ", format.has_biases() ? "some" : "none",
          " in this mode.");
  if (format.has_biases()) {
    require(biases->shape() == expected, "[", op, "] Biases: got shape ", biases->shape(),
            ", expected that of the scales, ", expected, ".");
    const Dtype dtype = result_type(scales, *biases);
    require(issubdtype(dtype, floating), "[", op, "] Dtype of scales and biases: got ",
            scales.dtype(), " and ", biases->dtype(), ", expected floating-point.");
  } else {
    require(scales.dtype() == uint8, "[", op, "] Dtype of the scales: got ", scales.dtype(),
            ", expected uint8.");
  }
}

void check_global_scale(std::string_view op, const QuantFormat& format,
                        const std::optional<array>& scale) {
  if (!scale) return;
  require(format.mode == QuantMode::nvfp4, "[", op,
          "] Got a global scale, expected one in mode nvfp4 only.");
  require(scale->size() == 1, "[", op, "] Global scale: got shape ", scale->shape(),
          ", expected one element.");
  require(scale->dtype() == float32, "[", op, "] Dtype of the global scale: got ", scale->dtype(),
          ", expected float32.");
}

namespace {

// ---- rules

std::vector<Type> infer_quantize(Inputs in, const Attrs& attrs) {
  const QuantFormat& format = attrs.get<QuantAttrs>().format;
  Shape packed = in[0].shape(), groups = in[0].shape();
  packed.back() = format.words(packed.back());
  groups.back() /= format.group;
  std::vector<Type> types{{std::move(packed), uint32}};
  types.push_back({groups, format.has_biases() ? in[0].dtype() : uint8});
  if (format.has_biases()) types.push_back(types[1]);
  return types;
}

Type infer_dequantize(Inputs in, const Attrs& attrs) {
  const auto& [format, dtype] = attrs.get<DequantAttrs>();
  Shape shape = in[0].shape();
  shape.back() = format.elements(shape.back());
  return {std::move(shape), dtype};
}

Type infer_round_trip(Inputs in, const Attrs&) { return {in[0].shape(), float32}; }

// Scales and biases of a matrix as compositions, for their derivative: codes
// and rounded quotients are constants.
Arrays affine_parameters(const array& w, const QuantFormat& format, Stream s) {
  const array groups =
      unflatten(astype(w, float32, s), -1, {w.shape(-1) / format.group, format.group}, s);
  const array high = max(groups, -1, false, s), low = min(groups, -1, false, s);
  const array range = subtract(high, low, s);
  const auto codes = static_cast<float>((1 << format.bits) - 1);
  const array step = maximum(divide(range, array(codes), s), array(1e-7f), s);
  const auto finish = [&](const array& x) { return astype(x, w.dtype(), s); };
  if (format.bits == 1) return {finish(step), finish(low)};
  const array low_is_edge = greater(abs(low, s), abs(high, s), s);
  const array edge = where(low_is_edge, low, high, s);
  const array scale = where(low_is_edge, step, negative(step, s), s);
  const array steps = stop_gradient(round(divide(edge, scale, s), 0, s), s);
  const array none = equal(steps, array(0.0f), s);
  const array whole = where(none, array(1.0f), steps, s);
  return {finish(where(none, scale, divide(edge, whole, s), s)),
          finish(where(none, array(0.0f), edge, s))};
}

Arrays vjp_quantize(const VjpArgs& args) {
  const QuantFormat& format = args.attrs.get<QuantAttrs>().format;
  Arrays out;
  for (int i : args.argnums) {
    const array& x = args.inputs[static_cast<size_t>(i)];
    if (i > 0 || !format.has_biases()) {
      out.push_back(zeros_like(x, args.stream));
      continue;
    }
    const auto parameters = [&](const Arrays& w) {
      return affine_parameters(w[0], format, args.stream);
    };
    out.push_back(vjp(parameters, {x}, {args.cotangents[1], args.cotangents[2]}).second[0]);
  }
  return out;
}

Arrays vjp_dequantize(const VjpArgs& args) {
  const Stream s = args.stream;
  const QuantFormat& format = args.attrs.get<DequantAttrs>().format;
  const array g = astype(args.cotangents[0], float32, s);
  Arrays out;
  for (int i : args.argnums) {
    const array& input = args.inputs[static_cast<size_t>(i)];
    if (i == 0 || (i == 1 && !format.has_biases())) {
      out.push_back(zeros_like(input, s));
    } else if (i == 2 && !format.has_biases()) {
      const array unscaled = make_node(kDequantize, {args.inputs[0], args.inputs[1]},
                                       Attrs(DequantAttrs{format, float32}), s);
      const array total = sum(multiply(g, unscaled, s), false, s);
      out.push_back(reshape(divide(total, array(kGlobalScaleRange), s), input.shape(), s));
    } else {
      const array of_codes =
          i == 1 ? multiply(g, quantized_codes(format, args.inputs[0], s), s) : g;
      out.push_back(astype(group_sums(format, of_codes, s), input.dtype(), s));
    }
  }
  return out;
}

Arrays vjp_round_trip(const VjpArgs& args) {
  Arrays out;
  for (int i : args.argnums) {
    const array& input = args.inputs[static_cast<size_t>(i)];
    out.push_back(i == 0 ? astype(args.cotangents[0], input.dtype(), args.stream)
                         : zeros_like(input, args.stream));
  }
  return out;
}

// One call for each element of the mapped axis.
Mapped map_by_loop(const Op& op, const VmapArgs& args) {
  std::vector<Arrays> results;
  for (ShapeElem i = 0; i < mapped_size(args); ++i) {
    Arrays inputs;
    for (size_t k = 0; k < args.inputs.size(); ++k) {
      const array& x = args.inputs[k];
      inputs.push_back(is_mapped(args, k) ? take(x, static_cast<int>(i), args.axes[k], args.stream)
                                          : x);
    }
    const Arrays outputs = make_nodes(op, inputs, args.attrs, args.stream);
    results.resize(outputs.size());
    for (size_t k = 0; k < outputs.size(); ++k) results[k].push_back(outputs[k]);
  }
  Arrays stacked;
  for (const Arrays& parts : results) stacked.push_back(stack(parts, 0, args.stream));
  return mapped_in_front(std::move(stacked));
}

// `global`: which input is the global scale, if it is there. All others have the mapped axis as
// one more axis of the batch.
Mapped map_matrices(const Op& op, const VmapArgs& args, size_t global) {
  const bool has_global = args.inputs.size() > global;
  if (has_global && is_mapped(args, global)) return map_by_loop(op, args);
  Arrays inputs;
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    inputs.push_back(i == global ? args.inputs[i] : repeated_in_front(args, i));
  }
  return mapped_in_front(make_nodes(op, std::move(inputs), args.attrs, args.stream));
}

Mapped vmap_quantize(const VmapArgs& args) { return map_matrices(kQuantize, args, 1); }
Mapped vmap_round_trip(const VmapArgs& args) { return map_matrices(kRoundTrip, args, 1); }
Mapped vmap_dequantize(const VmapArgs& args) {
  const bool biases = args.attrs.get<DequantAttrs>().format.has_biases();
  return map_matrices(kDequantize, args, biases ? 3 : 2);
}

Type infer_to_fp8(Inputs in, const Attrs&) { return {in[0].shape(), uint8}; }
Type infer_from_fp8(Inputs in, const Attrs& attrs) {
  return {in[0].shape(), attrs.get<Fp8Attrs>().dtype};
}
Mapped vmap_to_fp8(const VmapArgs& args) { return map_elementwise(kToFp8, args); }
Mapped vmap_from_fp8(const VmapArgs& args) { return map_elementwise(kFromFp8, args); }

}  // namespace

constinit const Op kQuantize{.name = "Quantize",
                             .infer_all = infer_quantize,
                             .vjp = vjp_quantize,
                             .vmap = vmap_quantize,
                             .holds_sizes = kAlways};
constinit const Op kDequantize{.name = "Dequantize",
                               .infer = infer_dequantize,
                               .vjp = vjp_dequantize,
                               .vmap = vmap_dequantize,
                               .holds_sizes = kAlways};
constinit const Op kRoundTrip{.name = "QuantizeRoundTrip",
                              .infer = infer_round_trip,
                              .vjp = vjp_round_trip,
                              .vmap = vmap_round_trip,
                              .holds_sizes = kAlways};
constinit const Op kToFp8{
    .name = "ToFP8", .infer = infer_to_fp8, .vjp = vjp_zeros, .vmap = vmap_to_fp8};
constinit const Op kFromFp8{
    .name = "FromFP8", .infer = infer_from_fp8, .vjp = vjp_zeros, .vmap = vmap_from_fp8};

array quantized_codes(const QuantFormat& format, const array& w, Stream s) {
  Shape groups = w.shape();
  groups.back() = format.elements(groups.back()) / format.group;
  return make_node(
      kDequantize,
      {w, full(groups, array(1.0f), float32, s), full(groups, array(0.0f), float32, s)},
      Attrs(DequantAttrs{format, float32}), s);
}

array group_sums(const QuantFormat& format, const array& x, Stream s) {
  return sum(unflatten(x, -1, {x.shape(-1) / format.group, format.group}, s), -1, false, s);
}

std::vector<array> quantize(const array& w, std::optional<int> group_size, std::optional<int> bits,
                            const std::string& mode, const std::optional<array>& global_scale,
                            StreamOrDevice s) {
  const QuantFormat format = quant_format("quantize", mode, group_size, bits);
  check_global_scale("quantize", format, global_scale);
  require(issubdtype(w.dtype(), floating), "[quantize] Dtype: got ", w.dtype(),
          ", expected floating-point.");
  require(!(format.has_biases() && w.dtype() == float64),
          "[quantize] Dtype in mode affine: got float64, expected float16, bfloat16 or float32.");
  require(w.ndim() >= 2, "[quantize] Got ", w.ndim(), " axes, expected at least 2.");
  require(w.shape(-1) % format.group == 0, "[quantize] Last axis: got shape ", w.shape(),
          ", expected a multiple of the group size ", format.group, ".");
  Arrays inputs{w};
  if (global_scale) inputs.push_back(*global_scale);
  return make_nodes(kQuantize, std::move(inputs), Attrs(QuantAttrs{format}),
                    to_stream(std::move(s)));
}

array dequantize(const array& w, const array& scales, const std::optional<array>& biases,
                 std::optional<int> group_size, std::optional<int> bits, const std::string& mode,
                 const std::optional<array>& global_scale, std::optional<Dtype> dtype,
                 StreamOrDevice s) {
  const QuantFormat format = quant_format("dequantize", mode, group_size, bits);
  check_global_scale("dequantize", format, global_scale);
  check_packed("dequantize", format, w, scales, biases);
  const Stream stream = to_stream(std::move(s));
  const Dtype computed = format.has_biases() ? result_type(scales, *biases)
                         : global_scale      ? float32
                                             : bfloat16;
  const Dtype out = dtype.value_or(computed);
  require(issubdtype(out, floating), "[dequantize] Dtype: got ", out, ", expected floating-point.");
  if (computed == float64) {
    const Shape groups{scales.shape(-1), format.group};
    const array codes = unflatten(quantized_codes(format, w, stream), -1, groups, stream);
    const array scaled = multiply(codes, expand_dims(scales, -1, stream), stream);
    const array shifted = add(scaled, expand_dims(*biases, -1, stream), stream);
    return astype(flatten(shifted, -2, -1, stream), out, stream);
  }
  Arrays inputs{w, scales};
  if (biases) inputs.push_back(*biases);
  if (global_scale) inputs.push_back(*global_scale);
  return make_node(kDequantize, std::move(inputs), Attrs(DequantAttrs{format, out}), stream);
}

array from_fp8(array x, Dtype dtype, StreamOrDevice s) {
  require(x.dtype() == uint8, "[from_fp8] Dtype of the input: got ", x.dtype(),
          ", expected uint8.");
  require(issubdtype(dtype, floating), "[from_fp8] Dtype: got ", dtype,
          ", expected floating-point.");
  return make_node(kFromFp8, {std::move(x)}, Attrs(Fp8Attrs{dtype}), to_stream(std::move(s)));
}

array to_fp8(array x, StreamOrDevice s) {
  require(issubdtype(x.dtype(), floating), "[to_fp8] Dtype: got ", x.dtype(),
          ", expected floating-point.");
  return make_node(kToFp8, {std::move(x)}, {}, to_stream(std::move(s)));
}

}  // namespace mlx::core
