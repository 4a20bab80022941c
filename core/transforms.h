#pragma once

// Evaluation and composable function transforms.

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::core {

/// Starts the computation of the arrays on their streams and returns.
/// Errors: std::invalid_argument in the same cases as eval.
void async_eval(std::vector<array> outputs);
template <typename... Arrays, typename = enable_for_arrays_t<Arrays...>>
void async_eval(Arrays&&... outputs) {
  async_eval(std::vector<array>{std::forward<Arrays>(outputs)...});
}

/// Computes the arrays; returns when their data can be read.
/// Errors: whatever the operations throw, here or in earlier asynchronous work
/// that the arrays depend on.
void eval(std::vector<array> outputs);
template <typename... Arrays, typename = enable_for_arrays_t<Arrays...>>
void eval(Arrays&&... outputs) {
  eval(std::vector<array>{std::forward<Arrays>(outputs)...});
}

using ArraysFn = std::function<std::vector<array>(const std::vector<array>&)>;

/// The outputs of `fun` and the cotangents of its inputs.
///
/// Shapes: each cotangent has its output's shape and is cast to its dtype;
///         outputs made by stop_gradient take none.
/// Errors: std::invalid_argument if number or shapes differ, or an operation on the path has
///         no derivative.
std::pair<std::vector<array>, std::vector<array>> vjp(
    const std::function<std::vector<array>(const std::vector<array>&)>& fun,
    const std::vector<array>& primals, const std::vector<array>& cotangents);
std::pair<array, array> vjp(const std::function<array(const array&)>& fun, const array& primal,
                            const array& cotangent);

/// The outputs of `fun` and their tangents.
/// Errors: std::invalid_argument if number or shapes of primals and tangents differ.
std::pair<std::vector<array>, std::vector<array>> jvp(
    const std::function<std::vector<array>(const std::vector<array>&)>& fun,
    const std::vector<array>& primals, const std::vector<array>& tangents);
std::pair<array, array> jvp(const std::function<array(const array&)>& fun, const array& primal,
                            const array& tangent);

using ValueAndGradFn =
    std::function<std::pair<std::vector<array>, std::vector<array>>(const std::vector<array>&)>;
using SimpleValueAndGradFn =
    std::function<std::pair<array, std::vector<array>>(const std::vector<array>&)>;

/// A function that returns fun's values and the gradient of the first, which
/// must be a scalar, with respect to the arguments `argnums`. Negative
/// argument numbers count from the end.
/// Errors (at the call): std::invalid_argument if the value is not a scalar, an
///         argument number is out of range or given twice.
ValueAndGradFn value_and_grad(
    const std::function<std::vector<array>(const std::vector<array>&)>& fun,
    const std::vector<int>& argnums);
ValueAndGradFn value_and_grad(
    const std::function<std::vector<array>(const std::vector<array>&)>& fun, int argnum = 0);
std::function<std::pair<array, array>(const array&)> value_and_grad(
    const std::function<array(const array&)>& fun);
SimpleValueAndGradFn value_and_grad(const std::function<array(const std::vector<array>&)>& fun,
                                    const std::vector<int>& argnums);
SimpleValueAndGradFn value_and_grad(const std::function<array(const std::vector<array>&)>& fun,
                                    int argnum = 0);

/// value_and_grad without the value.
std::function<std::vector<array>(const std::vector<array>&)> grad(
    const std::function<array(const std::vector<array>&)>& fun, const std::vector<int>& argnums);
std::function<std::vector<array>(const std::vector<array>&)> grad(
    const std::function<array(const std::vector<array>&)>& fun, int argnum = 0);
std::function<array(const array&)> grad(const std::function<array(const array&)>& fun);

/// A function that maps `fun` over an axis of its inputs: it runs once and
/// works on all elements of that axis at a time. Transforms nest in any order.
///
/// Shapes: `fun` sees its inputs without the axis `in_axis`, or as they are for
///         -1. Each output has the axis at `out_axis`; one that does not
///         depend on the mapped inputs is repeated along it. Empty lists of
///         axes: 0 for all.
/// Errors (at the call): std::invalid_argument if an axis is not one of its array, if mapped axes
///         differ in size, none is mapped, or there is not one axis for each
///         input and output; if an operation has no rule; if `fun` evaluates
///         what depends on mapped inputs.
std::function<array(const array&)> vmap(const std::function<array(const array&)>& fun,
                                        int in_axis = 0, int out_axis = 0);
std::function<array(const array&, const array&)> vmap(
    const std::function<array(const array&, const array&)>& fun, int in_axis_a = 0,
    int in_axis_b = 0, int out_axis = 0);
std::function<std::vector<array>(const std::vector<array>&)> vmap(
    const std::function<std::vector<array>(const std::vector<array>&)>& fun,
    const std::vector<int>& in_axes = {}, const std::vector<int>& out_axes = {});

/// `fun` with derivatives of the caller's own. fun_vjp(primals, cotangents,
/// outputs) returns the primals' cotangents; fun_jvp(primals, tangents,
/// argnums) returns the outputs' tangents; fun_vmap(inputs, axes) returns the
/// outputs over the mapped axis and where it is in each, given where it is in
/// the inputs (-1: not mapped). A rule that is not given is derived from `fun`.
/// Under vmap the derivatives' rules are mapped too: over the arguments, not
/// over mapped values that `fun` captures.
std::function<std::vector<array>(const std::vector<array>&)> custom_function(
    std::function<std::vector<array>(const std::vector<array>&)> fun,
    std::optional<std::function<std::vector<array>(
        const std::vector<array>&, const std::vector<array>&, const std::vector<array>&)>>
        fun_vjp = std::nullopt,
    std::optional<std::function<std::vector<array>(
        const std::vector<array>&, const std::vector<array>&, const std::vector<int>&)>>
        fun_jvp = std::nullopt,
    std::optional<std::function<std::pair<std::vector<array>, std::vector<int>>(
        const std::vector<array>&, const std::vector<int>&)>>
        fun_vmap = std::nullopt);

/// custom_function with a vjp only.
std::function<std::vector<array>(const std::vector<array>&)> custom_vjp(
    std::function<std::vector<array>(const std::vector<array>&)> fun,
    std::function<std::vector<array>(const std::vector<array>&, const std::vector<array>&,
                                     const std::vector<array>&)>
        fun_vjp);

/// `fun`, with what it computes along the way recomputed in the backward pass
/// instead of kept.
std::function<std::vector<array>(const std::vector<array>&)> checkpoint(
    std::function<std::vector<array>(const std::vector<array>&)> fun);

}  // namespace mlx::core
