#pragma once

// The ops behind fast.h. Their inputs have one dtype, unless said otherwise.

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// Inputs x [..., n], then weight [n] and bias [n] where they are there.
struct NormAttrs {
  float eps;
  bool centered;  ///< the mean is subtracted first
  bool has_weight;
  bool has_bias;
  bool operator==(const NormAttrs&) const = default;
};

extern const Op kRmsNorm;
extern const Op kLayerNorm;
/// Inputs x, the cotangent, then the weight if it is there; results: the
/// cotangents of x, weight and bias where they are there.
extern const Op kNormGrad;

/// Inputs x [B, ..., T, D], offset (int32, [] or [B]), frequencies (float32 [dims / 2])
/// if has_frequencies.
struct RopeAttrs {
  int dims;
  bool traditional;
  bool has_frequencies;
  bool inverse;  ///< rotates backwards
  float base;    ///< if not has_frequencies
  float scale;
  bool operator==(const RopeAttrs&) const = default;
};

extern const Op kRope;

/// Inputs queries [B, H, L, D], keys [B, K, S, D], values [B, K, S, V], H a multiple
/// of K; then where they are there a mask, bool or of the same dtype, whose four
/// axes are those of [B, H, L, S] or 1, and sinks [B or 1, H].
/// Results [B, H, L, V], and for the gradient [B, H, L, 2], float32 or float64: of each
/// row of scores the maximum and one over the sum of the exponentials.
struct AttentionAttrs {
  float scale;
  bool causal;
  bool has_mask;
  bool has_sinks;
  bool mask_grad;  ///< of kAttentionGrad: whether the mask's cotangent is wanted
  bool operator==(const AttentionAttrs&) const = default;
};

extern const Op kAttention;
/// Inputs queries, keys, values, both results, the cotangent of the first, mask
/// and sinks; results: the cotangents of queries, keys, values, then of the mask
/// as [B, H, L, S] if wanted, then of the sinks as [B, H] if they are there.
extern const Op kAttentionGrad;

/// The same with other operations (ops/formula.h), of attention the first result only.
Arrays formula_norm(Inputs in, const Attrs& attrs, Stream s);
Arrays formula_norm_grad(Inputs in, const Attrs& attrs, Stream s);
Arrays formula_rope(Inputs in, const Attrs& attrs, Stream s);
Arrays formula_attention(Inputs in, const Attrs& attrs, Stream s);
Arrays formula_attention_grad(Inputs in, const Attrs& attrs, Stream s);

}  // namespace mlx::core
