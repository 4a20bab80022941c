#pragma once

// Building blocks of transformers, each as one operation: same results as when
// written with others, but in one pass over memory.
//
// Dtypes: floating; float16 and bfloat16 are computed in float32 and rounded
//         once. The derivatives of all orders and both modes are there, and vmap.

#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// How a Metal kernel may round, as Metal names it.
enum class MathMode { Safe, Relaxed, Fast };

/// How a Metal kernel is compiled.
struct CompileOptions {
  MathMode math_mode = MathMode::Safe;
  bool operator==(const CompileOptions&) const = default;
};

}  // namespace mlx::core

namespace mlx::core::fast {

/// x / sqrt(mean(x²) + eps) * weight over the last axis (Zhang and Sennrich 2019).
///
/// Shapes: x [..., n], weight [n]; as x.
/// Dtypes: real; the result has the promoted one, float32 for integers.
/// Errors: std::invalid_argument if x is a scalar or complex, or weight is not [n].
/// Grad:   x and weight, one pass.
array rms_norm(const array& x, const std::optional<array>& weight, float eps,
               StreamOrDevice s = {});

/// (x - mean) / sqrt(var + eps) * weight + bias over the last axis (Ba, Kiros and Hinton 2016).
///
/// Shapes: x [..., n], weight [n], bias [n]; as x.
/// Dtypes, Errors: as rms_norm.
/// Grad:   x, weight and bias, one pass.
array layer_norm(const array& x, const std::optional<array>& weight,
                 const std::optional<array>& bias, float eps, StreamOrDevice s = {});

/// Rotary position embedding (Su et al. 2021): turns the first `dims` elements
/// of the last axis, in pairs. At position t, which counts from `offset` along the last axis
/// but one, pair i turns by (offset + t) * scale * base^(-2 i / dims), or by
/// (offset + t) * scale / freqs[i]. Pairs are neighbours if `traditional`,
/// otherwise the elements i and i + dims / 2. Angles are computed in float64.
///
/// Shapes: x [B, ..., T, D] of at least three axes, dims <= D; freqs [dims / 2];
///         offset one number or [B], one for each batch; as x.
/// Dtypes: x floating, offset integer.
/// Errors: std::invalid_argument for other shapes or dtypes, an odd dims, or not
///         exactly one of base and freqs.
/// Grad:   x and freqs.
array rope(const array& x, int dims, bool traditional, std::optional<float> base, float scale,
           int offset, const std::optional<array>& freqs = std::nullopt, StreamOrDevice s = {});
array rope(const array& x, int dims, bool traditional, std::optional<float> base, float scale,
           const array& offset, const std::optional<array>& freqs = std::nullopt,
           StreamOrDevice s = {});

/// softmax(scale queries keysᵀ + mask) values, for each head, without ever
/// holding the scores of more than a tile (Dao et al. 2022).
///
/// Shapes: queries [B, H, L, D], keys [B, K, S, D], values [B, K, S, V]; H is a
///         multiple of K, and H / K consecutive heads share their keys. The mask
///         broadcasts to [B, H, L, S]; sinks [H]; the result is [B, H, L, V].
/// Dtypes: floating, promoted; mask and sinks must not promote the result further.
/// mask_mode: "" (none, or mask_arr if given), "array" (mask_arr) or "causal":
///         query i sees the keys up to i + S - L.
/// mask_arr: bool, true where a key is seen, or numbers to add to the scores. A row
///         whose keys are all hidden by truth values is the mean of all values; one
///         whose scores are all -infinity is NaN; without keys the result is 0.
/// sinks:  of each head a score that takes part in the softmax and has the value 0.
/// force_fused: nothing to force, there is no other way.
/// Errors: std::invalid_argument for other shapes, dtypes or modes.
/// Grad:   queries, keys, values, mask and sinks; scores are computed again, tile by
///         tile. The jvp and second derivatives do hold the matrix of scores.
array scaled_dot_product_attention(const array& queries, const array& keys, const array& values,
                                   const float scale, const std::string& mask_mode = "",
                                   std::optional<array> mask_arr = {},
                                   const std::optional<array>& sinks = {}, bool force_fused = false,
                                   StreamOrDevice s = {});

using TemplateArg = std::variant<int, bool, Dtype>;
using ScalarArg = std::variant<bool, int, float>;

using CustomKernelFunction = std::function<std::vector<array>(
    const std::vector<array>&, const std::vector<Shape>&, const std::vector<Dtype>&,
    std::tuple<int, int, int>, std::tuple<int, int, int>,
    std::vector<std::pair<std::string, TemplateArg>>, std::optional<float>, bool, StreamOrDevice)>;

/// Kernels in the languages of GPUs, which this build does not run.
/// Errors: std::runtime_error, always.
CustomKernelFunction metal_kernel(const std::string& name,
                                  const std::vector<std::string>& input_names,
                                  const std::vector<std::string>& output_names,
                                  const std::string& source, const std::string& header = "",
                                  bool ensure_row_contiguous = true, bool atomic_outputs = false,
                                  const CompileOptions& compile_options = {});
CustomKernelFunction cuda_kernel(const std::string& name,
                                 const std::vector<std::string>& input_names,
                                 const std::vector<std::string>& output_names,
                                 const std::string& source, const std::string& header = "",
                                 bool ensure_row_contiguous = true, int shared_memory = 0);
std::vector<array> precompiled_cuda_kernel(
    const std::string& name, const std::string& compiled_source, const std::vector<array>& inputs,
    const std::vector<Shape>& output_shapes, const std::vector<Dtype>& output_dtypes,
    const std::vector<ScalarArg>& scalars, std::tuple<int, int, int> grid,
    std::tuple<int, int, int> threadgroup, int shared_memory = 0,
    std::optional<float> init_value = std::nullopt, bool ensure_row_contiguous = false,
    StreamOrDevice s = {});

}  // namespace mlx::core::fast
