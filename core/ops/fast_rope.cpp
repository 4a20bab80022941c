#include "mlx/core/base/error.h"
#include "mlx/core/fast.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/fast_ops.h"
#include "mlx/core/ops/formula.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

Type infer_rope(Inputs in, const Attrs& a) {
  require(in[0].ndim() >= 3 && in[0].shape(-1) >= a.get<RopeAttrs>().dims,
          "[rope] Wrong shape of x: got ", in[0].shape(),
          ", expected [B, ..., T, D] with D >= ", a.get<RopeAttrs>().dims, ".");
  return {in[0].shape(), in[0].dtype()};
}

// ---- the same with other operations

// [B or 1, 1..., T, dims / 2]
array angles(Inputs in, const RopeAttrs& attrs, Stream s) {
  const int half = attrs.dims / 2;
  array offset = astype(in[1], float32, s);
  if (offset.ndim() == 1) {
    Shape shape(in[0].ndim(), 1);
    shape[0] = offset.shape(0);
    offset = reshape(offset, shape, s);
  }
  array t = multiply(arange(0.0, static_cast<double>(in[0].shape(-2)), 1.0, float32, s),
                     array(attrs.scale), s);
  t = add(expand_dims(t, 1, s), multiply(offset, array(attrs.scale), s), s);
  if (attrs.has_frequencies) return divide(t, astype(in[2], float32, s), s);
  const array exponents =
      multiply(arange(0.0, half, 1.0, float32, s), array(-1.0f / static_cast<float>(half)), s);
  return multiply(t, power(array(attrs.base), exponents, s), s);
}

}  // namespace

Arrays formula_rope(Inputs in, const Attrs& a, Stream s) {
  const auto& attrs = a.get<RopeAttrs>();
  const array& x = in[0];
  const Dtype wide = x.dtype() == float64 ? float64 : float32;
  const array angle = angles(in, attrs, s);
  const array c = cos(angle, s), sine = attrs.inverse ? negative(sin(angle, s), s) : sin(angle, s);
  // [..., T, dims / 2, 2] or [..., T, 2, dims / 2], and the axis of the pairs
  const int half = attrs.dims / 2, pairs = attrs.traditional ? -1 : -2;
  const Arrays parts = split(x, Shape{attrs.dims}, -1, s);
  const Arrays sides = split(unflatten(astype(parts[0], wide, s), -1,
                                       attrs.traditional ? Shape{half, 2} : Shape{2, half}, s),
                             2, pairs, s);
  const array left = squeeze(sides[0], pairs, s), right = squeeze(sides[1], pairs, s);
  const array turned = stack({subtract(multiply(left, c, s), multiply(right, sine, s), s),
                              add(multiply(left, sine, s), multiply(right, c, s), s)},
                             pairs, s);
  return {concatenate({astype(flatten(turned, -2, -1, s), x.dtype(), s), parts[1]}, -1, s)};
}

namespace {

// ---- rules

// The transpose of a rotation is the one backwards.
Arrays vjp_rope(const VjpArgs& args) {
  RopeAttrs attrs = args.attrs.get<RopeAttrs>();
  attrs.inverse = !attrs.inverse;
  Arrays out;
  for (const int i : args.argnums) {
    if (i == 0) {
      Arrays inputs(args.inputs.begin(), args.inputs.end());
      inputs[0] = args.cotangents[0];
      out.push_back(make_node(kRope, std::move(inputs), Attrs(attrs), args.stream));
    } else if (i == 1) {
      out.push_back(zeros_like(args.inputs[1], args.stream));
    } else {
      VjpArgs one = args;
      one.argnums = std::span(&i, 1);
      out.push_back(vjp_of_formula(formula_rope, one)[0]);
    }
  }
  return out;
}

// The mapped axis joins the batch.
Mapped vmap_rope(const VmapArgs& args) {
  if (args.inputs.size() == 3 && is_mapped(args, 2)) return vmap_of_formula(formula_rope, args);
  Arrays inputs(args.inputs.begin(), args.inputs.end());
  const array x = repeated_in_front(args, 0);
  inputs[0] = flatten(x, 0, 1, args.stream);
  const int own_axes = static_cast<int>(inputs[1].ndim()) - (is_mapped(args, 1) ? 1 : 0);
  if (is_mapped(args, 1) || own_axes == 1) {
    array offset = repeated_in_front(args, 1);
    if (own_axes == 0) offset = expand_dims(offset, 1, args.stream);
    offset = broadcast_to(offset, {x.shape(0), x.shape(1)}, args.stream);
    inputs[1] = flatten(offset, args.stream);
  }
  const array y = make_node(kRope, std::move(inputs), args.attrs, args.stream);
  return mapped_in_front({unflatten(y, 0, {x.shape(0), x.shape(1)}, args.stream)});
}

// ---- checks

void check_frequencies(int dims, const std::optional<float>& base,
                       const std::optional<array>& freqs) {
  require(base.has_value() != freqs.has_value(), "[rope] Where the frequencies come from: got ",
          base ? "both" : "neither", " base and freqs, expected one of them.");
  require(!freqs || freqs->shape() == Shape{dims / 2}, "[rope] Wrong shape of freqs: got ",
          freqs ? freqs->shape() : Shape{}, ", expected (", dims / 2, ").");
  require(!freqs || !issubdtype(freqs->dtype(), complexfloating),
          "[rope] Dtype of freqs: got complex64, expected a real one.");
}

}  // namespace

constinit const Op kRope{.name = "RoPE",
                         .infer = infer_rope,
                         .vjp = vjp_rope,
                         .jvp = jvp_by<formula_rope>,
                         .vmap = vmap_rope};

namespace fast {

array rope(const array& x, int dims, bool traditional, std::optional<float> base, float scale,
           const array& offset, const std::optional<array>& freqs, StreamOrDevice s) {
  require(x.ndim() >= 3, "[rope] Not enough axes of x: got ", x.ndim(), ", expected at least 3.");
  require(issubdtype(x.dtype(), floating), "[rope] Dtype of x: got ", x.dtype(),
          ", expected a floating one.");
  require(dims > 0 && dims % 2 == 0 && dims <= x.shape(-1), "[rope] Wrong dims: got ", dims,
          ", expected an even number from 2 to ", x.shape(-1), ".");
  check_frequencies(dims, base, freqs);
  require(issubdtype(offset.dtype(), integer), "[rope] Dtype of the offset: got ", offset.dtype(),
          ", expected an integer.");
  const bool one = offset.ndim() == 0 || offset.shape() == Shape{1};
  require(one || offset.shape() == Shape{x.shape(0)}, "[rope] Wrong shape of the offset: got ",
          offset.shape(), ", expected one number or (", x.shape(0), ").");
  const Stream stream = to_stream(std::move(s));
  array start = astype(offset, int32, stream);
  if (one) start = reshape(start, Shape{}, stream);
  Arrays inputs{x, std::move(start)};
  if (freqs) inputs.push_back(astype(*freqs, float32, stream));
  return make_node(
      kRope, std::move(inputs),
      Attrs(RopeAttrs{dims, traditional, freqs.has_value(), false, base.value_or(0), scale}),
      stream);
}

array rope(const array& x, int dims, bool traditional, std::optional<float> base, float scale,
           int offset, const std::optional<array>& freqs, StreamOrDevice s) {
  return rope(x, dims, traditional, base, scale, array(offset), freqs, std::move(s));
}

}  // namespace fast
}  // namespace mlx::core
