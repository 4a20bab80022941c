// The operations of fast.h, which MLX composes of others on the CPU.

#include <optional>

#include "mlx/core/fast.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/io/export_table.h"
#include "mlx/core/ops/fast_ops.h"

namespace mlx::core::io {
namespace {

// ---- writing

State norm_state(const NormAttrs& attrs) { return {attrs.eps, attrs.has_weight, attrs.has_bias}; }

std::vector<Id> write_norm(Lowering& to, const WriteArgs& args) {
  return to.add_as(formula_norm, args.op, args.attrs, norm_state(args.attrs.get<NormAttrs>()),
                   args.in, args.out);
}

std::vector<Id> write_norm_grad(Lowering& to, const WriteArgs& args) {
  State state = norm_state(args.attrs.get<NormAttrs>());
  state.push_back(args.attrs.get<NormAttrs>().centered);
  return to.add_as(formula_norm_grad, args.op, args.attrs, std::move(state), args.in, args.out);
}

std::vector<Id> write_rope(Lowering& to, const WriteArgs& args) {
  const auto& rope = args.attrs.get<RopeAttrs>();
  return to.add_as(
      formula_rope, args.op, args.attrs,
      {rope.dims, rope.traditional, rope.has_frequencies, rope.inverse, rope.base, rope.scale},
      args.in, args.out);
}

std::vector<Id> write_attention(Lowering& to, const WriteArgs& args) {
  const auto& attention = args.attrs.get<AttentionAttrs>();
  const bool forward = &args.op == &kAttention;
  return to.add_as(forward ? formula_attention : formula_attention_grad, args.op, args.attrs,
                   {attention.scale, attention.causal, attention.has_mask, attention.has_sinks,
                    attention.mask_grad},
                   args.in, args.out);
}

// ---- reading

void check_count(const ReadArgs& args, size_t expected) {
  require(args.in.size() == expected, "[import_function] Number of inputs: got ", args.in.size(),
          ", expected ", expected, ".");
}

std::optional<array> input_if(const ReadArgs& args, bool is_there, size_t i) {
  return is_there ? std::optional<array>(args.in[i]) : std::nullopt;
}

array norm(const ReadArgs& args, bool centered, size_t weight) {
  const bool has_weight = args.flag(1), has_bias = args.flag(2);
  require(centered || !has_bias, "[import_function] RMSNorm: got a bias.");
  const std::optional<array> w = input_if(args, has_weight, weight);
  if (!centered) {
    return fast::rms_norm(args.in[0], w, args.get<float>(0));
  }
  return fast::layer_norm(args.in[0], w, input_if(args, has_bias, weight + has_weight),
                          args.get<float>(0));
}

Arrays read_rms_norm(const ReadArgs& args) {
  check_count(args, size_t{1} + args.flag(1) + args.flag(2));
  return {norm(args, false, 1)};
}

Arrays read_layer_norm(const ReadArgs& args) {
  check_count(args, size_t{1} + args.flag(1) + args.flag(2));
  return {norm(args, true, 1)};
}

// Inputs x, the cotangent, the weight if it is there: one dtype.
Arrays read_norm_grad(const ReadArgs& args) {
  const bool has_weight = args.flag(1), has_bias = args.flag(2), centered = args.flag(3);
  check_count(args, size_t{2} + has_weight);
  const array& x = args.in[0];
  const array& g = args.in[1];
  const std::optional<array> weight = input_if(args, has_weight, 2);
  fast::rms_norm(x, weight, args.get<float>(0));  // checks the shapes
  require(g.shape() == x.shape() && g.dtype() == x.dtype() &&
              (!weight || weight->dtype() == x.dtype()) && issubdtype(x.dtype(), floating) &&
              (centered || !has_bias),
          "[import_function] Inputs of NormVJP: got shapes ", x.shape(), " and ", g.shape(), " of ",
          x.dtype(), " and ", g.dtype(), ".");
  return make_nodes(kNormGrad, {args.in.begin(), args.in.end()},
                    Attrs(NormAttrs{args.get<float>(0), centered, has_weight, has_bias}),
                    to_stream({}));
}

// Inverse rotations come from derivatives only.
Arrays read_rope(const ReadArgs& args) {
  const bool has_frequencies = args.flag(2);
  check_count(args, size_t{2} + has_frequencies);
  const array& x = args.in[0];
  const std::optional<float> base =
      has_frequencies ? std::nullopt : std::optional<float>(args.get<float>(4));
  const array forward = fast::rope(x, args.integer(0), args.flag(1), base, args.get<float>(5),
                                   args.in[1], input_if(args, has_frequencies, 2));
  if (!args.flag(3)) {
    return {forward};
  }
  const Node& node = *forward.node();
  require(node.op == &kRope, "[import_function] RoPE: got an empty array to rotate back.");
  RopeAttrs attrs = node.attrs.get<RopeAttrs>();
  attrs.inverse = true;
  return {make_node(kRope, node.inputs, Attrs(attrs), to_stream({}))};
}

// The results that the public function makes of the first inputs, which checks them.
// Sinks are [B or 1, H] here, one row there.
Arrays attention(const ReadArgs& args, size_t extra) {
  const bool causal = args.flag(1), has_mask = args.flag(2), has_sinks = args.flag(3);
  check_count(args, extra + has_mask + has_sinks);
  require(!(causal && has_mask), "[import_function] Attention: got two masks.");
  const array out =
      fast::scaled_dot_product_attention(args.in[0], args.in[1], args.in[2], args.get<float>(0),
                                         causal ? "causal" : "", input_if(args, has_mask, extra));
  const Node& node = *out.node();
  require(node.op == &kAttention, "[import_function] Attention: got empty arrays.");
  if (!has_sinks) {
    return out.outputs();
  }
  const array& sinks = args.in.back();
  const Shape& q = out.shape();
  require(sinks.ndim() == 2 && sinks.shape(1) == q[1] &&
              (sinks.shape(0) == 1 || sinks.shape(0) == q[0]) && sinks.dtype() == out.dtype(),
          "[import_function] Sinks of attention: got ", sinks.dtype(), " of shape ", sinks.shape(),
          " for queries of ", out.dtype(), " and shape ", q, ".");
  AttentionAttrs attrs = node.attrs.get<AttentionAttrs>();
  attrs.has_sinks = true;
  Arrays inputs = node.inputs;
  inputs.push_back(sinks);
  return make_nodes(kAttention, std::move(inputs), Attrs(attrs), to_stream({}));
}

Arrays read_attention(const ReadArgs& args) { return attention(args, 3); }

// Inputs queries, keys, values, both results, the cotangent of the first, mask and sinks.
Arrays read_attention_grad(const ReadArgs& args) {
  require(args.in.size() >= 6, "[import_function] Number of inputs: got ", args.in.size(), ".");
  const Arrays results = attention(args, 6);
  const Node& forward = *results[0].node();
  const Arrays& checked = forward.inputs;
  for (size_t i = 0; i < 3; ++i) {
    const array& like = i < 2 ? results[i] : results[0];
    const array& x = args.in[3 + i];
    require(x.shape() == like.shape() && x.dtype() == like.dtype(),
            "[import_function] Results of attention: got ", x.dtype(), " of shape ", x.shape(),
            ", expected ", like.dtype(), " of shape ", like.shape(), ".");
  }
  AttentionAttrs attrs = forward.attrs.get<AttentionAttrs>();
  attrs.mask_grad = args.flag(4) && attrs.has_mask;
  Arrays inputs(checked.begin(), checked.begin() + 3);
  inputs.insert(inputs.end(), args.in.begin() + 3, args.in.begin() + 6);
  inputs.insert(inputs.end(), checked.begin() + 3, checked.end());
  return make_nodes(kAttentionGrad, std::move(inputs), Attrs(attrs), to_stream({}));
}

}  // namespace

std::span<const WriteRow> fast_writers() {
  static constexpr WriteRow kRows[] = {
      {&kRmsNorm, write_norm}, {&kLayerNorm, write_norm},      {&kNormGrad, write_norm_grad},
      {&kRope, write_rope},    {&kAttention, write_attention}, {&kAttentionGrad, write_attention},
  };
  return kRows;
}

std::span<const ReadRow> fast_readers() {
  static constexpr ReadRow kRows[] = {
      {"collective::RMSNorm", "fbb", 1, 2, read_rms_norm},
      {"collective::LayerNorm", "fbb", 1, 3, read_layer_norm},
      {"collective::NormVJP", "fbbb", 2, 3, read_norm_grad},
      {"collective::RoPE", "ibbbff", 2, 3, read_rope},
      {"collective::ScaledDotProductAttention", "fbbbb", 3, 5, read_attention},
      {"collective::ScaledDotProductAttentionVJP", "fbbbb", 6, 8, read_attention_grad},
  };
  return kRows;
}

}  // namespace mlx::core::io
