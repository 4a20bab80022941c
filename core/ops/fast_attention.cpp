#include <limits>

#include "mlx/core/base/error.h"
#include "mlx/core/fast.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/fast_ops.h"
#include "mlx/core/ops/formula.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

Dtype wide(Dtype dtype) { return dtype == float64 ? float64 : float32; }

std::vector<Type> infer_attention(Inputs in, const Attrs&) {
  Shape out = in[0].shape(), sums = in[0].shape();
  out[3] = in[2].shape(3);
  sums[3] = 2;
  return {{std::move(out), in[0].dtype()}, {std::move(sums), wide(in[0].dtype())}};
}

std::vector<Type> infer_attention_grad(Inputs in, const Attrs& a) {
  const auto& attrs = a.get<AttentionAttrs>();
  const Dtype dtype = in[0].dtype();
  std::vector<Type> out;
  for (size_t i = 0; i < 3; ++i) out.push_back({in[i].shape(), dtype});
  const Shape& q = in[0].shape();
  if (attrs.mask_grad) out.push_back({{q[0], q[1], q[2], in[1].shape(2)}, dtype});
  if (attrs.has_sinks) out.push_back({{q[0], q[1]}, dtype});
  return out;
}

// ---- the same with other operations

array lowest(Dtype dtype) { return array(finfo(dtype).min, dtype); }

// Scores [B, H, L, S] with the mask.
array masked(array scores, Inputs extra, const AttentionAttrs& attrs, Stream s) {
  const auto queries = static_cast<int>(scores.shape(2)), keys = static_cast<int>(scores.shape(3));
  if (attrs.causal) {
    const array last = expand_dims(arange(keys - queries, keys, 1, s), 1, s);
    scores =
        where(greater_equal(last, arange(0, keys, 1, s), s), scores, lowest(scores.dtype()), s);
  }
  if (!attrs.has_mask) return scores;
  if (extra[0].dtype() == bool_) return where(extra[0], scores, lowest(scores.dtype()), s);
  return add(scores, astype(extra[0], scores.dtype(), s), s);
}

array softmax_with_sinks(const array& scores, const array& sinks, Stream s) {
  Shape one = scores.shape();
  one[3] = 1;
  const array column = broadcast_to(expand_dims(sinks, {2, 3}, s), one, s);
  const array all =
      softmax(concatenate({astype(column, scores.dtype(), s), scores}, -1, s), -1, true, s);
  return slice(all, {0, 0, 0, 1}, all.shape(), s);
}

}  // namespace

// From queries, keys, values, mask and sinks.
Arrays formula_attention(Inputs in, const Attrs& a, Stream s) {
  const auto& attrs = a.get<AttentionAttrs>();
  const Dtype dtype = wide(in[0].dtype());
  const Shape& q = in[0].shape();
  const ShapeElem kv_heads = in[1].shape(1), group = q[1] / kv_heads;
  const array k = expand_dims(astype(in[1], dtype, s), 2, s),
              v = expand_dims(astype(in[2], dtype, s), 2, s);
  const array grouped = unflatten(multiply(astype(in[0], dtype, s), array(attrs.scale, dtype), s),
                                  1, {kv_heads, group}, s);
  array scores = flatten(matmul(grouped, swapaxes(k, -1, -2, s), s), 1, 2, s);
  scores = masked(scores, in.subspan(3), attrs, s);
  const array p =
      attrs.has_sinks ? softmax_with_sinks(scores, in.back(), s) : softmax(scores, -1, true, s);
  const array out = matmul(unflatten(p, 1, {kv_heads, group}, s), v, s);
  return {astype(flatten(out, 1, 2, s), in[0].dtype(), s)};
}

// From kAttentionGrad's inputs, of which the results follow from others.
Arrays formula_attention_grad(Inputs in, const Attrs& a, Stream s) {
  const auto& attrs = a.get<AttentionAttrs>();
  const Shape& q = in[0].shape();
  Arrays primals(in.begin(), in.begin() + 3);
  std::vector<int> argnums{0, 1, 2};
  if (attrs.has_mask) {
    if (attrs.mask_grad) argnums.push_back(3);
    primals.push_back(broadcast_to(in[6], {q[0], q[1], q[2], in[1].shape(2)}, s));
  }
  if (attrs.has_sinks) {
    argnums.push_back(static_cast<int>(primals.size()));
    primals.push_back(broadcast_to(in.back(), {q[0], q[1]}, s));
  }
  return vjp_of_formula(formula_attention, {.inputs = primals,
                                            .cotangents = in.subspan(5, 1),
                                            .argnums = argnums,
                                            .outputs = {},
                                            .attrs = a,
                                            .stream = s});
}

namespace {

// ---- rules

// A cotangent over all of the scores, added up where the input was repeated.
array sum_to(const array& g, const array& input, Stream s) {
  std::vector<int> axes;
  for (int i = 0; i < static_cast<int>(g.ndim()); ++i) {
    if (input.shape(i) == 1 && g.shape(i) != 1) axes.push_back(i);
  }
  return axes.empty() ? g : sum(g, axes, true, s);
}

Arrays vjp_attention(const VjpArgs& args) {
  AttentionAttrs attrs = args.attrs.get<AttentionAttrs>();
  const bool float_mask = attrs.has_mask && args.inputs[3].dtype() != bool_;
  for (const int i : args.argnums) attrs.mask_grad |= i == 3 && float_mask;
  Arrays inputs(args.inputs.begin(), args.inputs.begin() + 3);
  inputs.insert(inputs.end(), args.outputs.begin(), args.outputs.end());
  inputs.push_back(args.cotangents[0]);
  inputs.insert(inputs.end(), args.inputs.begin() + 3, args.inputs.end());
  const Arrays all = make_nodes(kAttentionGrad, std::move(inputs), Attrs(attrs), args.stream);
  Arrays out;
  for (const int i : args.argnums) {
    const array& input = args.inputs[static_cast<size_t>(i)];
    if (i < 3) {
      out.push_back(all[static_cast<size_t>(i)]);
    } else if (i == 3 && attrs.has_mask) {
      out.push_back(attrs.mask_grad ? sum_to(all[3], input, args.stream)
                                    : zeros_like(input, args.stream));
    } else {
      out.push_back(sum_to(all.back(), input, args.stream));
    }
  }
  return out;
}

Arrays jvp_attention(const JvpArgs& args) {
  // What nobody sees but the gradient needs no tangent.
  return {jvp_of_formula(formula_attention, args)[0], zeros_like(args.outputs[1], args.stream)};
}

// The mapped axis joins the batch.
template <const Op& op>
Mapped vmap_attention(const VmapArgs& args) {
  const Stream s = args.stream;
  const ShapeElem mapped = mapped_size(args), batch = in_front(args, 0).shape(is_mapped(args, 0));
  Arrays inputs;
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    const bool shared = !is_mapped(args, i) && args.inputs[i].shape(0) == 1;
    const bool is_extra = i >= (&op == &kAttention ? 3 : 6);
    if (is_extra && shared) {
      inputs.push_back(args.inputs[i]);
      continue;
    }
    array x = repeated_in_front(args, i);
    Shape shape = x.shape();
    shape[1] = batch;
    inputs.push_back(flatten(broadcast_to(x, shape, s), 0, 1, s));
  }
  Arrays outputs = make_nodes(op, std::move(inputs), args.attrs, s);
  for (array& y : outputs) y = unflatten(y, 0, {mapped, batch}, s);
  return mapped_in_front(std::move(outputs));
}

}  // namespace

constinit const Op kAttention{.name = "ScaledDotProductAttention",
                              .infer_all = infer_attention,
                              .vjp = vjp_attention,
                              .jvp = jvp_attention,
                              .vmap = vmap_attention<kAttention>,
                              .holds_sizes = kAlways};

constinit const Op kAttentionGrad{.name = "ScaledDotProductAttentionVJP",
                                  .infer_all = infer_attention_grad,
                                  .vjp = vjp_by<formula_attention_grad>,
                                  .jvp = jvp_by<formula_attention_grad>,
                                  .vmap = vmap_attention<kAttentionGrad>,
                                  .holds_sizes = kAlways};

namespace fast {
namespace {

constexpr const char* kAttentionName = "scaled_dot_product_attention";

void check_shapes(const array& q, const array& k, const array& v) {
  for (const array* x : {&q, &k, &v}) {
    require(x->ndim() == 4, "[", kAttentionName, "] Wrong number of axes: got shape ", x->shape(),
            ", expected [batch, heads, length, size].");
  }
  require(k.shape(0) == q.shape(0) && v.shape(0) == q.shape(0), "[", kAttentionName,
          "] Batches differ: got shapes ", q.shape(), ", ", k.shape(), " and ", v.shape(), ".");
  require(k.shape(3) == q.shape(3), "[", kAttentionName,
          "] Sizes of queries and keys differ: got shapes ", q.shape(), " and ", k.shape(),
          ", expected the same last axis.");
  require(k.shape(1) == v.shape(1) && k.shape(2) == v.shape(2), "[", kAttentionName,
          "] Keys and values differ: got shapes ", k.shape(), " and ", v.shape(),
          ", expected the same heads and lengths.");
  require(k.shape(1) > 0 && q.shape(1) % k.shape(1) == 0, "[", kAttentionName,
          "] Heads of queries and keys do not fit: got ", q.shape(1), " and ", k.shape(1),
          ", expected a multiple.");
}

// A cast that only widens what the caller gave.
array fitted(const char* what, const array& x, Dtype dtype, Stream s) {
  require(promote_types(x.dtype(), dtype) == dtype, "[", kAttentionName, "] Dtype of the ", what,
          ": got ", x.dtype(), ", which does not promote to ", dtype, ".");
  return astype(x, dtype, s);
}

array fitted_mask(const array& mask, const Shape& scores, Dtype dtype, Stream s) {
  require(mask.ndim() <= 4, "[", kAttentionName, "] Wrong number of axes of the mask: got ",
          mask.ndim(), ", expected at most 4.");
  bool broadcasts = true;
  for (int i = 1; i <= static_cast<int>(mask.ndim()); ++i) {
    broadcasts &= mask.shape(-i) == 1 || mask.shape(-i) == scores[static_cast<size_t>(4 - i)];
  }
  require(broadcasts, "[", kAttentionName, "] Wrong shape of the mask: got ", mask.shape(),
          ", expected one that broadcasts to ", scores, ".");
  array out = mask.dtype() == bool_ ? mask : fitted("mask", mask, dtype, s);
  std::vector<int> missing(4 - mask.ndim());
  for (size_t i = 0; i < missing.size(); ++i) missing[i] = static_cast<int>(i);
  return missing.empty() ? out : expand_dims(out, missing, s);
}

}  // namespace

array scaled_dot_product_attention(const array& queries, const array& keys, const array& values,
                                   const float scale, const std::string& mask_mode,
                                   std::optional<array> mask_arr, const std::optional<array>& sinks,
                                   bool, StreamOrDevice s) {
  check_shapes(queries, keys, values);
  const Dtype dtype = result_type({queries, keys, values});
  require(issubdtype(dtype, floating), "[", kAttentionName, "] Unsupported dtype: got ", dtype,
          ", expected a floating one.");
  const bool causal = mask_mode == "causal";
  require(causal || mask_mode.empty() || mask_mode == "array", "[", kAttentionName,
          "] Unknown mask mode: got '", mask_mode, "', expected '', 'causal' or 'array'.");
  require(!(causal && mask_arr), "[", kAttentionName,
          "] Mask mode 'causal' with an array: expected one or the other.");
  require(mask_mode != "array" || mask_arr, "[", kAttentionName,
          "] Mask mode 'array' without an array.");

  const Stream stream = to_stream(std::move(s));
  Arrays inputs;
  for (const array* x : {&queries, &keys, &values}) inputs.push_back(astype(*x, dtype, stream));
  if (mask_arr) {
    const Shape scores{queries.shape(0), queries.shape(1), queries.shape(2), keys.shape(2)};
    inputs.push_back(fitted_mask(*mask_arr, scores, dtype, stream));
  }
  if (sinks) {
    require(sinks->shape() == Shape{queries.shape(1)}, "[", kAttentionName,
            "] Wrong shape of the sinks: got ", sinks->shape(), ", expected (", queries.shape(1),
            ").");
    inputs.push_back(expand_dims(fitted("sinks", *sinks, dtype, stream), 0, stream));
  }
  const AttentionAttrs attrs{scale, causal, mask_arr.has_value(), sinks.has_value(), false};
  return make_nodes(kAttention, std::move(inputs), Attrs(attrs), stream)[0];
}

}  // namespace fast
}  // namespace mlx::core
