#pragma once

// Making nodes without their op's infer, for transforms that know the types.

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// The next number in the order of creation.
uint64_t next_sequence();

/// One result of an operation, without siblings.
array build_node(const Op& op, Type type, std::vector<array> inputs, Attrs attrs, Stream stream);

}  // namespace mlx::core
