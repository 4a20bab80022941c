#include "mlx/nn/value_and_grad.h"

#include <numeric>

#include "mlx/core/base/error.h"
#include "mlx/core/transforms.h"

namespace mlx::nn::detail {

namespace {

/// Puts the parameters back when the traced call is over, however it ends.
class RestoreParameters {
 public:
  RestoreParameters(Module& model, const NamedArrays& original)
      : model_(model), original_(original) {}
  RestoreParameters(const RestoreParameters&) = delete;
  RestoreParameters& operator=(const RestoreParameters&) = delete;
  ~RestoreParameters() { model_.update(original_, false); }

 private:
  Module& model_;
  const NamedArrays& original_;
};

NamedArrays with_values(const NamedArrays& names, const std::vector<array>& values) {
  NamedArrays out;
  for (size_t i = 0; i < names.size(); ++i) {
    out.emplace_back(names[i].first, values[i]);
  }
  return out;
}

}  // namespace

std::pair<std::vector<array>, Tree> value_and_grad(
    Module& model, const std::function<std::vector<array>()>& forward) {
  const NamedArrays parameters = model.named_trainable_parameters();
  core::require(!parameters.empty(), "[nn::value_and_grad] The model has no trainable parameters.");
  std::vector<array> values;
  for (const auto& [name, value] : parameters) {
    values.push_back(value);
  }
  std::vector<int> argnums(parameters.size());
  std::iota(argnums.begin(), argnums.end(), 0);

  auto call = [&](const std::vector<array>& traced) {
    const RestoreParameters restore(model, parameters);
    model.update(with_values(parameters, traced), false);
    return forward();
  };
  auto [outputs, gradients] = core::value_and_grad(call, argnums)(values);
  return {std::move(outputs), Tree::unflatten(with_values(parameters, gradients))};
}

}  // namespace mlx::nn::detail
