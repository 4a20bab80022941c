#include "mlx/nn/losses.h"

#include <cmath>
#include <numbers>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/utils.h"
#include "mlx/nn/constant.h"

namespace mlx::nn::losses {

using core::require;

namespace {

void check_same_shape(const char* loss, const array& a, const array& b) {
  require(a.shape() == b.shape(), "[", loss, "] The shapes differ: got ", a.shape(), " and ",
          b.shape(), ".");
}

array weigh(const char* loss, const array& values, const std::optional<array>& weights) {
  if (!weights) {
    return values;
  }
  require(weights->shape() == values.shape(), "[", loss, "] Wrong shape of weights: got ",
          weights->shape(), ", expected ", values.shape(), ".");
  return values * *weights;
}

/// The element of each row along `axis` that `classes` names.
array pick(const array& values, const array& classes, int axis) {
  return core::squeeze(core::take_along_axis(values, core::expand_dims(classes, axis), axis), axis);
}

/// Whether targets are classes rather than probabilities.
bool are_classes(const array& logits, const array& targets, int axis) {
  if (targets.ndim() == logits.ndim()) {
    check_same_shape("cross_entropy", logits, targets);
    return false;
  }
  core::Shape rows = logits.shape();
  rows.erase(rows.begin() + axis);
  require(targets.shape() == rows, "[cross_entropy] Wrong shape of targets: got ", targets.shape(),
          ", expected ", rows, " or ", logits.shape(), ".");
  return true;
}

}  // namespace

Reduction::Reduction(std::string_view name)
    : kind_(name == "mean"  ? Kind::mean
            : name == "sum" ? Kind::sum
                            : Kind::none) {
  require(kind_ != Kind::none || name == "none", "[losses] Unknown reduction: got \"", name,
          "\", expected none, mean or sum.");
}

Reduction::Reduction(const char* name) : Reduction(std::string_view(name)) {}

array Reduction::operator()(const array& loss) const {
  switch (kind_) {
    case Kind::mean:
      return core::mean(loss);
    case Kind::sum:
      return core::sum(loss);
    default:
      return loss;
  }
}

array cross_entropy(const array& logits, const array& targets, const CrossEntropyOptions& options) {
  const float smoothing = options.label_smoothing;
  require(smoothing >= 0 && smoothing < 1, "[cross_entropy] label_smoothing is out of range: got ",
          smoothing, ", expected 0 <= label_smoothing < 1.");
  require(logits.ndim() > 0, "[cross_entropy] The logits are a scalar.");
  const int axis =
      core::normalize_axis_index(options.axis, static_cast<int>(logits.ndim()), "[cross_entropy] ");
  // Less the row's maximum, so that large logits do not cancel.
  const array top = core::stop_gradient(core::max(logits, axis, true));
  const array shifted = logits - top;
  array score = are_classes(logits, targets, axis)
                    ? pick(logits, targets, axis) - core::squeeze(top, axis)
                    : core::sum(shifted * targets, axis);
  if (smoothing > 0) {
    score = score * constant(1 - smoothing, logits) +
            core::mean(shifted, axis) * constant(smoothing, logits);
  }
  const array loss = core::log(core::sum(core::exp(shifted), axis)) - score;
  return options.reduction(weigh("cross_entropy", loss, options.weights));
}

array cross_entropy(const array& logits, const array& targets, Reduction reduction) {
  return cross_entropy(logits, targets, CrossEntropyOptions{.reduction = reduction});
}

array binary_cross_entropy(const array& inputs, const array& targets,
                           const BinaryCrossEntropyOptions& options) {
  check_same_shape("binary_cross_entropy", inputs, targets);
  const array zero = constant(0, inputs), one = constant(1, inputs);
  array loss = zero;
  if (options.with_logits) {
    loss = core::logaddexp(zero, inputs) - inputs * targets;
  } else {
    const array limit = constant(-100, inputs);
    loss = -(targets * core::maximum(core::log(inputs), limit) +
             (one - targets) * core::maximum(core::log(one - inputs), limit));
  }
  return options.reduction(weigh("binary_cross_entropy", loss, options.weights));
}

array binary_cross_entropy(const array& inputs, const array& targets, Reduction reduction) {
  return binary_cross_entropy(inputs, targets, BinaryCrossEntropyOptions{.reduction = reduction});
}

array l1_loss(const array& predictions, const array& targets, Reduction reduction) {
  check_same_shape("l1_loss", predictions, targets);
  return reduction(core::abs(predictions - targets));
}

array mse_loss(const array& predictions, const array& targets, Reduction reduction) {
  check_same_shape("mse_loss", predictions, targets);
  return reduction(core::square(predictions - targets));
}

array smooth_l1_loss(const array& predictions, const array& targets, float beta,
                     Reduction reduction) {
  check_same_shape("smooth_l1_loss", predictions, targets);
  require(beta > 0, "[smooth_l1_loss] beta must be positive: got ", beta, ".");
  const array d = core::abs(predictions - targets);
  const array near = core::square(d) * constant(0.5 / beta, d);
  return reduction(core::where(d < constant(beta, d), near, d - constant(0.5 * beta, d)));
}

array huber_loss(const array& inputs, const array& targets, float delta, Reduction reduction) {
  check_same_shape("huber_loss", inputs, targets);
  const array d = core::abs(inputs - targets), bound = constant(delta, d);
  const array near = core::square(d) * constant(0.5, d);
  return reduction(core::where(d <= bound, near, bound * (d - bound * constant(0.5, d))));
}

array log_cosh_loss(const array& inputs, const array& targets, Reduction reduction) {
  check_same_shape("log_cosh_loss", inputs, targets);
  const array d = inputs - targets;
  return reduction(core::logaddexp(d, -d) - constant(std::numbers::ln2, d));
}

array hinge_loss(const array& inputs, const array& targets, Reduction reduction) {
  check_same_shape("hinge_loss", inputs, targets);
  return reduction(core::maximum(constant(1, inputs) - inputs * targets, constant(0, inputs)));
}

array kl_div_loss(const array& inputs, const array& targets, int axis, Reduction reduction) {
  check_same_shape("kl_div_loss", inputs, targets);
  return reduction(core::sum(core::exp(targets) * (targets - inputs), axis));
}

array nll_loss(const array& inputs, const array& targets, int axis, Reduction reduction) {
  return reduction(-pick(inputs, targets, axis));
}

array gaussian_nll_loss(const array& inputs, const array& targets, const array& vars,
                        const GaussianNllOptions& options) {
  check_same_shape("gaussian_nll_loss", inputs, targets);
  check_same_shape("gaussian_nll_loss", inputs, vars);
  const array var = core::maximum(vars, constant(options.eps, vars));
  const array terms = core::log(var) + core::square(targets - inputs) / var;
  const double offset = options.full ? std::log(2 * std::numbers::pi) : 0;
  return options.reduction((terms + constant(offset, terms)) * constant(0.5, terms));
}

array cosine_similarity_loss(const array& x1, const array& x2, int axis, float eps,
                             Reduction reduction) {
  check_same_shape("cosine_similarity_loss", x1, x2);
  auto norm = [&](const array& x) { return core::sqrt(core::sum(core::square(x), axis)); };
  const array norms = norm(x1) * norm(x2);
  return reduction(core::sum(x1 * x2, axis) / core::maximum(norms, constant(eps, norms)));
}

array margin_ranking_loss(const array& inputs1, const array& inputs2, const array& targets,
                          float margin, Reduction reduction) {
  check_same_shape("margin_ranking_loss", inputs1, inputs2);
  check_same_shape("margin_ranking_loss", inputs1, targets);
  const array difference = inputs1 - inputs2;
  return reduction(
      core::maximum(constant(margin, difference) - targets * difference, constant(0, difference)));
}

array triplet_loss(const array& anchors, const array& positives, const array& negatives,
                   const TripletOptions& options) {
  check_same_shape("triplet_loss", anchors, positives);
  check_same_shape("triplet_loss", anchors, negatives);
  require(options.p > 0, "[triplet_loss] p must be positive: got ", options.p, ".");
  auto distance = [&](const array& other) {
    const array difference = core::abs(anchors - other);
    const array powers = core::power(difference, constant(options.p, difference));
    return core::power(core::sum(powers, options.axis) + constant(options.eps, difference),
                       constant(1.0 / options.p, difference));
  };
  const array excess = distance(positives) - distance(negatives);
  return options.reduction(
      core::maximum(excess + constant(options.margin, excess), constant(0, excess)));
}

}  // namespace mlx::nn::losses
