#pragma once

#include <cstdint>
#include <optional>

#include "mlx/core/tree.h"
#include "mlx/core/utils.h"
#include "mlx/distributed/distributed.h"

namespace mlx::nn {

/// The mean of each gradient over the ranks of a group (default: all ranks).
///
/// Gradients are reduced in buckets: neighbours of one dtype, in the order in
/// which the backward pass makes them, in one all_sum of about all_reduce_size
/// bytes (0: one all_sum for each gradient). The sums are nodes of the graph on
/// the group's stream, so that those of the last layers run while the first
/// layers are still being differentiated.
///
/// Shapes: any, the same on every rank -> the same.
/// Dtypes: floating-point and complex -> the same.
/// Ranks:  all, with gradients of the same model.
core::Tree average_gradients(const core::Tree& gradients,
                             const std::optional<core::distributed::Group>& group = std::nullopt,
                             int64_t all_reduce_size = 32 << 20,
                             core::StreamOrDevice communication_stream = {});

}  // namespace mlx::nn
