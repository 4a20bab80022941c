#pragma once

// Derivatives of a graph that exists: what vjp, jvp and custom rules share.
// The caller holds a TraceScope.

#include <functional>
#include <string_view>
#include <utility>

#include "mlx/core/graph/op.h"

namespace mlx::core::detail {

/// The cotangents of the primals, given one cotangent for each output; a
/// handle to no node where none flows. Zeros for primals that the outputs do
/// not depend on.
/// Errors: std::invalid_argument if an operation on the way has no derivative.
Arrays pull_back(Inputs primals, Inputs outputs, Inputs cotangents);

/// The tangents of the outputs, given one tangent for each primal.
/// Errors: as pull_back.
Arrays push_forward(Inputs primals, Inputs outputs, Inputs tangents);

/// fun's outputs at `primals`, and the primals' cotangents given one for each output.
std::pair<Arrays, Arrays> differentiate_backward(
    const std::function<Arrays(const Arrays&)>& fun, const Arrays& primals,
    const std::function<Arrays(const Arrays& outputs)>& cotangents_for);

/// Throws unless `values` are as many as `like` and have their shapes; casts
/// them to the dtypes. `message` begins the error: "[vjp] Cotangent".
Arrays match(Inputs values, Inputs like, std::string_view message);

}  // namespace mlx::core::detail
