#pragma once

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "mlx/nn/module.h"

namespace mlx::nn {

namespace detail {

std::pair<std::vector<array>, Tree> value_and_grad(
    Module& model, const std::function<std::vector<array>()>& forward);

inline std::vector<array> as_vector(array value) { return {std::move(value)}; }
inline std::vector<array> as_vector(std::vector<array> values) { return values; }

}  // namespace detail

/// A function of `arguments...` that returns fn(model, arguments...) and the
/// gradient of it (of its first array, if it returns several) with respect to
/// the model's trainable parameters, as a tree like trainable_parameters().
///
///   auto loss_and_grad = nn::value_and_grad(model, [](MLP& m, const array& x, const array& y) {
///     return nn::losses::cross_entropy(m(x), y, "mean");
///   });
///   auto [loss, grads] = loss_and_grad(x, y);
///
/// Errors (at the call): std::invalid_argument if the value is not a scalar or the model has no
///         trainable parameters.
template <typename Model, typename Fn>
auto value_and_grad(Model model, Fn fn) {
  return [model, fn](const auto&... arguments) mutable {
    using Result = std::invoke_result_t<Fn&, Model&, decltype(arguments)...>;
    constexpr bool one = std::is_same_v<std::remove_cvref_t<Result>, array>;
    auto [values, gradients] =
        detail::value_and_grad(model, [&] { return detail::as_vector(fn(model, arguments...)); });
    if constexpr (one) {
      return std::pair<array, Tree>(std::move(values.front()), std::move(gradients));
    } else {
      return std::pair<std::vector<array>, Tree>(std::move(values), std::move(gradients));
    }
  };
}

}  // namespace mlx::nn
