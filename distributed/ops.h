#pragma once

// Collectives as operations of the graph. Each runs on its group's own stream
// (or on `s` if that is a stream), beside the computation. Within a program
// they run in the order in which they were created.
//
// What they all share:
//   Dtypes:  all 14. float16 and bfloat16 accumulate in float32; integers wrap;
//            for bool, sum and max are "or", min is "and".
//   Ranks:   every rank of the group, in the same order, with the same shape
//            and dtype, unless said otherwise.
//   Errors:  when evaluated: DesyncError if the ranks disagree, PeerLostError,
//            TimeoutError, AbortedError. Afterwards the group only throws.
//   A group of one returns its input. Without a group: init().
//
// Gradients say which values are replicated (the same on every rank, and so are
// their cotangents) and which vary by rank.

#include <optional>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"
#include "mlx/distributed/distributed.h"

namespace mlx::core::distributed {

/// The sum over all ranks, element by element.
///
/// Shapes: any -> the same.
/// Grad:   as in MLX: the result is replicated, so each rank's input gets the
///         cotangent unchanged.
array all_sum(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

/// The largest value over all ranks, element by element; NaN wins.
///
/// Shapes: any -> the same.
/// Grad:   the result is replicated; the cotangent goes to the ranks that hold
///         the largest value (to each of them when there are several).
array all_max(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

/// The smallest value over all ranks; otherwise as all_max.
array all_min(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

/// The arrays of all ranks, one after the other along axis 0.
///
/// Shapes: [n, ...] -> [ranks * n, ...]; a scalar -> [ranks].
/// Grad:   as in MLX: the result is replicated; each rank's input gets its part
///         of the cotangent.
array all_gather(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice S = {});

/// The sum over all ranks, of which each rank gets its part along axis 0.
///
/// Shapes: [ranks * n, ...] -> [n, ...].
/// Errors: std::invalid_argument if axis 0 is not divisible by the ranks.
/// Grad:   the result varies by rank: the cotangent is gathered (all_gather).
array sum_scatter(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

/// The root's array, on every rank. The others' give shape and dtype.
///
/// Shapes: any -> the same.
/// Errors: std::invalid_argument if `root` is not a rank of the group.
/// Grad:   what the ranks make of it varies: the root gets the sum of all
///         cotangents, the others get zeros.
array broadcast(const array& x, int root, std::optional<Group> group = std::nullopt,
                StreamOrDevice s = {});

/// Sends the array to one rank, which receives it. Returns `x`: evaluating that
/// sends.
///
/// Shapes: any -> the same.
/// Ranks:  this one and `dst`, which calls recv; pairs are matched in order. More
///         than a link holds (about 1 MiB) waits for the receiver: two ranks that
///         send much to each other must not both send first.
/// Errors: std::invalid_argument in a group of one, or if `dst` is not another rank.
/// Grad:   the cotangent of the result plus what recv_like at `dst` sends back.
array send(const array& x, int dst, std::optional<Group> group = std::nullopt,
           StreamOrDevice s = {});

/// The array that rank `src` sends.
///
/// Ranks:  this one and `src`, which calls send with this shape and dtype.
/// Errors: std::invalid_argument in a group of one, or if `src` is not another rank.
/// Grad:   none: it depends on nothing here. Use recv_like.
array recv(Shape shape, Dtype dtype, int src, std::optional<Group> group = std::nullopt,
           StreamOrDevice s = {});

/// As recv, with the shape and dtype of `x`, whose values do not matter.
///
/// Grad: the cotangent is sent back to `src`, where send's gradient receives
///       it; `x` gets zeros. For that `x` must be among what is differentiated.
array recv_like(const array& x, int src, std::optional<Group> group = std::nullopt,
                StreamOrDevice s = {});

/// Returns when every rank of the group has called it and this rank's earlier
/// collectives of the group are complete.
void barrier(std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

}  // namespace mlx::core::distributed
