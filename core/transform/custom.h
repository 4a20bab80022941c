#pragma once

#include "mlx/core/graph/node.h"

namespace mlx::core::detail {

/// The result of the user's function behind an output of a custom function;
/// null if the node is none.
const array* result_behind_custom(const Node& node);

/// How many of the inputs vmap maps: where the user gave a vmap rule, not what
/// the function itself made of the arguments.
size_t inputs_for_vmap(const Node& node);

}  // namespace mlx::core::detail
