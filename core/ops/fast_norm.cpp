#include <string_view>

#include "mlx/core/base/error.h"
#include "mlx/core/fast.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/fast_ops.h"
#include "mlx/core/ops/formula.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/reduce.h"

namespace mlx::core {
namespace {

Type infer_norm(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

std::vector<Type> infer_norm_grad(Inputs in, const Attrs& a) {
  const auto& attrs = a.get<NormAttrs>();
  const Type row{{in[0].shape(-1)}, in[0].dtype()};
  std::vector<Type> out{{in[0].shape(), in[0].dtype()}};
  out.insert(out.end(), attrs.has_weight + attrs.has_bias, row);
  return out;
}

}  // namespace

// ---- the same with other operations

Arrays formula_norm(Inputs in, const Attrs& a, Stream s) {
  const auto& attrs = a.get<NormAttrs>();
  const Dtype dtype = in[0].dtype(), wide = dtype == float64 ? float64 : float32;
  array x = astype(in[0], wide, s);
  if (attrs.centered) x = subtract(x, mean(x, -1, true, s), s);
  const array power = add(mean(square(x, s), -1, true, s), array(attrs.eps, wide), s);
  x = multiply(x, rsqrt(power, s), s);
  if (attrs.has_weight) x = multiply(x, astype(in[1], wide, s), s);
  if (attrs.has_bias) x = add(x, astype(in.back(), wide, s), s);
  return {astype(x, dtype, s)};
}

// The bias changes nothing but has a cotangent: any will do.
Arrays formula_norm_grad(Inputs in, const Attrs& a, Stream s) {
  const auto& attrs = a.get<NormAttrs>();
  Arrays primals{in[0]};
  if (attrs.has_weight) primals.push_back(in[2]);
  if (attrs.has_bias) primals.push_back(zeros({in[0].shape(-1)}, in[0].dtype(), s));
  std::vector<int> argnums;
  for (size_t i = 0; i < primals.size(); ++i) argnums.push_back(static_cast<int>(i));
  return vjp_of_formula(formula_norm, {.inputs = primals,
                                       .cotangents = in.subspan(1, 1),
                                       .argnums = argnums,
                                       .outputs = {},
                                       .attrs = a,
                                       .stream = s});
}

namespace {

// ---- rules

// All cotangents come from one pass; those that nobody wants cost little in it.
Arrays vjp_norm(const VjpArgs& args) {
  const auto& attrs = args.attrs.get<NormAttrs>();
  Arrays inputs{args.inputs[0], args.cotangents[0]};
  if (attrs.has_weight) inputs.push_back(args.inputs[1]);
  const Arrays all = make_nodes(kNormGrad, std::move(inputs), args.attrs, args.stream);
  Arrays out;
  for (const int i : args.argnums) out.push_back(all[static_cast<size_t>(i)]);
  return out;
}

template <const Op& op>
Mapped vmap_norm(const VmapArgs& args) {
  for (size_t i = 1; i < args.inputs.size(); ++i) {
    if (is_mapped(args, i)) return vmap_of_formula(formula_norm, args);
  }
  Arrays inputs(args.inputs.begin(), args.inputs.end());
  inputs[0] = in_front(args, 0);
  return mapped_in_front({make_node(op, std::move(inputs), args.attrs, args.stream)});
}

// ---- checks

void check_row(const char* op, const char* what, const array& x, const std::optional<array>& row) {
  require(!row || (row->ndim() == 1 && row->size() == static_cast<size_t>(x.shape(-1))), "[", op,
          "] Wrong shape of the ", what, ": got ", row ? row->shape() : Shape{}, ", expected (",
          x.shape(-1), ") for x of shape ", x.shape(), ".");
}

array norm(const char* name, const Op& op, const array& x, const std::optional<array>& weight,
           const std::optional<array>& bias, float eps, bool centered, StreamOrDevice s) {
  require(x.ndim() > 0, "[", name, "] Not enough axes of x: got a scalar, expected at least one.");
  check_row(name, "weight", x, weight);
  check_row(name, "bias", x, bias);
  Arrays inputs{x};
  if (weight) inputs.push_back(*weight);
  if (bias) inputs.push_back(*bias);
  Dtype dtype = result_type(inputs);
  require(!issubdtype(dtype, complexfloating), "[", name, "] Unsupported dtype: got ", dtype,
          ", expected a real one.");
  if (!issubdtype(dtype, floating)) dtype = float32;
  const Stream stream = to_stream(std::move(s));
  for (array& input : inputs) input = astype(input, dtype, stream);
  return make_node(op, std::move(inputs),
                   Attrs(NormAttrs{eps, centered, weight.has_value(), bias.has_value()}), stream);
}

}  // namespace

constinit const Op kRmsNorm{.name = "RMSNorm",
                            .infer = infer_norm,
                            .vjp = vjp_norm,
                            .jvp = jvp_by<formula_norm>,
                            .vmap = vmap_norm<kRmsNorm>};

constinit const Op kLayerNorm{.name = "LayerNorm",
                              .infer = infer_norm,
                              .vjp = vjp_norm,
                              .jvp = jvp_by<formula_norm>,
                              .vmap = vmap_norm<kLayerNorm>};

constinit const Op kNormGrad{.name = "NormVJP",
                             .infer_all = infer_norm_grad,
                             .vjp = vjp_by<formula_norm_grad>,
                             .jvp = jvp_by<formula_norm_grad>,
                             .vmap = vmap_by<formula_norm_grad>};

namespace fast {

array rms_norm(const array& x, const std::optional<array>& weight, float eps, StreamOrDevice s) {
  return norm("rms_norm", kRmsNorm, x, weight, std::nullopt, eps, false, std::move(s));
}

array layer_norm(const array& x, const std::optional<array>& weight,
                 const std::optional<array>& bias, float eps, StreamOrDevice s) {
  return norm("layer_norm", kLayerNorm, x, weight, bias, eps, true, std::move(s));
}

}  // namespace fast
}  // namespace mlx::core
