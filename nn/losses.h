#pragma once

// Losses. Each takes how its values are reduced; defaults are MLX's.

#include <optional>
#include <string_view>

#include "mlx/core/array.h"

namespace mlx::nn::losses {

using core::array;

/// "none" keeps one value per element or row; "mean" and "sum" give a scalar.
/// Errors: std::invalid_argument for other words.
class Reduction {
 public:
  Reduction(const char* name);
  Reduction(std::string_view name);
  array operator()(const array& loss) const;  ///< the reduced loss

 private:
  enum class Kind { none, mean, sum } kind_;
};

struct CrossEntropyOptions {
  /// One factor for each value; the mean is not divided by them.
  std::optional<array> weights = std::nullopt;
  int axis = -1;
  /// The share of the target that is spread evenly over the classes, in [0, 1).
  float label_smoothing = 0;
  Reduction reduction = "none";
};

/// -log softmax(logits)[target] along an axis.
///
/// Shapes: targets either are classes, with the shape of logits less the axis, or
///         probabilities, with that of logits -> that of logits less the axis.
/// Dtypes: logits floating-point; classes are integers.
/// Errors: std::invalid_argument for other shapes (of weights too) or smoothing.
array cross_entropy(const array& logits, const array& targets, const CrossEntropyOptions& options);
array cross_entropy(const array& logits, const array& targets, Reduction reduction = "none");

struct BinaryCrossEntropyOptions {
  std::optional<array> weights = std::nullopt;
  /// Whether inputs are logits; else probabilities, whose logarithms are limited to -100.
  bool with_logits = true;
  Reduction reduction = "mean";
};

/// -(target log p + (1 - target) log(1 - p)).
/// Shapes: inputs, targets and weights alike -> the same.
/// Errors: std::invalid_argument for other shapes.
array binary_cross_entropy(const array& inputs, const array& targets,
                           const BinaryCrossEntropyOptions& options);
array binary_cross_entropy(const array& inputs, const array& targets, Reduction reduction = "mean");

// Of arrays of one shape; std::invalid_argument for others.

/// |prediction - target|
array l1_loss(const array& predictions, const array& targets, Reduction reduction = "mean");
/// (prediction - target)²
array mse_loss(const array& predictions, const array& targets, Reduction reduction = "mean");
/// d²/(2 beta) below beta, else d - beta/2, for d = |prediction - target|
array smooth_l1_loss(const array& predictions, const array& targets, float beta = 1,
                     Reduction reduction = "mean");
/// d²/2 up to delta, else delta (d - delta/2)
array huber_loss(const array& inputs, const array& targets, float delta = 1,
                 Reduction reduction = "none");
/// log cosh(input - target)
array log_cosh_loss(const array& inputs, const array& targets, Reduction reduction = "none");
/// max(1 - input target, 0)
array hinge_loss(const array& inputs, const array& targets, Reduction reduction = "none");

/// exp(target) (target - input) summed over an axis, for logarithms of probabilities.
array kl_div_loss(const array& inputs, const array& targets, int axis = -1,
                  Reduction reduction = "none");

/// -inputs[target] along an axis, for logarithms of probabilities and classes.
array nll_loss(const array& inputs, const array& targets, int axis = -1,
               Reduction reduction = "none");

struct GaussianNllOptions {
  /// Whether to include the constant log(2 pi) / 2.
  bool full = false;
  /// The least variance.
  float eps = 1e-6f;
  Reduction reduction = "mean";
};

/// (log var + (input - target)² / var) / 2: the targets' likelihood under normal distributions.
array gaussian_nll_loss(const array& inputs, const array& targets, const array& vars,
                        const GaussianNllOptions& options = {});

/// The cosine of the angle between the vectors along an axis.
array cosine_similarity_loss(const array& x1, const array& x2, int axis = 1, float eps = 1e-8f,
                             Reduction reduction = "none");

/// max(margin - target (input1 - input2), 0), for targets 1 or -1
array margin_ranking_loss(const array& inputs1, const array& inputs2, const array& targets,
                          float margin = 0, Reduction reduction = "none");

struct TripletOptions {
  int axis = -1;
  int p = 2;
  float margin = 1;
  float eps = 1e-6f;
  Reduction reduction = "none";
};

/// max(|anchor - positive| - |anchor - negative| + margin, 0), with p-norms along an axis.
array triplet_loss(const array& anchors, const array& positives, const array& negatives,
                   const TripletOptions& options = {});

}  // namespace mlx::nn::losses
