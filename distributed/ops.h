#pragma once

// Collectives as operations of the graph. Each runs on its group's own stream
// (or on `s` if that is a stream), beside the computation. Within a program
// they run in the order in which they were created.
//
// What they all share:
//   Dtypes:  all 14. float16 and bfloat16 accumulate in float32 and are rounded
//            once; integers wrap; for bool, sum and max are "or", prod and min
//            are "and".
//   Ranks:   every rank of the group, in the same order, with the same shape
//            and dtype, unless said otherwise. A result that all get is the
//            same on all, bit by bit.
//   Errors:  when evaluated: DesyncError if the ranks disagree, PeerLostError,
//            TimeoutError, AbortedError. Afterwards the group only throws.
//   A group of one returns its input. Without a group: init().
//
// Gradients say which values are replicated (the same on every rank, and so are
// their cotangents) and which vary by rank. The derivative of a collective is
// one itself, in which every rank has to take part: `x` must be differentiated
// on all of them or on none. The same holds for tangents and for vmap: every
// rank maps the same inputs.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"
#include "mlx/distributed/distributed.h"

namespace mlx::core::distributed {

/// How long each rank's part is along axis 0, where they differ. Every rank
/// gives the same (gather_sizes finds them out), but for all_to_all.
struct Sizes {
  Sizes(std::vector<int64_t> sizes) : of_ranks(std::move(sizes)) {}  // NOLINT: implicit
  std::vector<int64_t> of_ranks;
};

// --- Results on every rank.

/// The sum over all ranks, element by element.
///
/// Shapes: any -> the same.
/// Grad:   as in MLX: the result is replicated, so each rank's input gets the
///         cotangent unchanged.
array all_sum(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

/// The product over all ranks, element by element.
///
/// Shapes: any -> the same.
/// Grad:   the result is replicated; the cotangent times the product of the
///         other ranks' values.
array all_prod(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

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
/// Shapes: [n, ...] -> [ranks * n, ...]; a scalar -> [ranks]. With sizes:
///         [sizes[rank], ...] -> [total, ...].
/// Errors: std::invalid_argument if axis 0 is not this rank's size.
/// Grad:   as in MLX: the result is replicated; each rank's input gets its part
///         of the cotangent.
array all_gather(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice S = {});
array all_gather(const array& x, const Sizes& sizes, std::optional<Group> group = std::nullopt,
                 StreamOrDevice s = {});

// --- Each rank gets its part.

/// The sum over all ranks, of which each rank gets its part along axis 0.
///
/// Shapes: [ranks * n, ...] -> [n, ...]. With sizes: [total, ...] -> [sizes[rank], ...].
/// Errors: std::invalid_argument if axis 0 is not divisible by the ranks, or not
///         the total of the sizes.
/// Grad:   the result varies by rank: the cotangents are gathered.
array sum_scatter(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice s = {});
array sum_scatter(const array& x, const Sizes& sizes, std::optional<Group> group = std::nullopt,
                  StreamOrDevice s = {});

/// Along axis 0, block j of this rank becomes block `rank` of rank j.
///
/// Shapes: [ranks * n, ...] -> the same. With sizes, each rank's own: to_each[j]
///         rows go to rank j, from_each[j] rows come from it.
/// Ranks:  to_each[j] here is from_each[rank] there.
/// Errors: std::invalid_argument if axis 0 is not divisible by the ranks, or not
///         the total of to_each.
/// Grad:   the result varies by rank: the cotangents go back the same way.
array all_to_all(const array& x, std::optional<Group> group = std::nullopt, StreamOrDevice s = {});
array all_to_all(const array& x, const Sizes& to_each, const Sizes& from_each,
                 std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

// --- From one rank, or to one. `root` out of range: std::invalid_argument.

/// The root's array, on every rank. The others' give shape and dtype.
///
/// Shapes: any -> the same.
/// Grad:   what the ranks make of it varies: the root gets the sum of all
///         cotangents, the others get zeros.
array broadcast(const array& x, int root, std::optional<Group> group = std::nullopt,
                StreamOrDevice s = {});

/// The sum over all ranks on the root; zeros on the others.
///
/// Shapes: any -> the same.
/// Grad:   each rank's input gets the root's cotangent.
array reduce(const array& x, int root, std::optional<Group> group = std::nullopt,
             StreamOrDevice s = {});

/// The same with the product, the largest and the smallest value over all ranks.
///
/// Grad: from the root's cotangent, as that of all_prod, all_max and all_min.
array reduce_prod(const array& x, int root, std::optional<Group> group = std::nullopt,
                  StreamOrDevice s = {});
array reduce_max(const array& x, int root, std::optional<Group> group = std::nullopt,
                 StreamOrDevice s = {});
array reduce_min(const array& x, int root, std::optional<Group> group = std::nullopt,
                 StreamOrDevice s = {});

/// On the root the arrays of all ranks, one after the other along axis 0; on the
/// others an empty array.
///
/// Shapes: [n, ...] -> [ranks * n, ...] on the root, [0, ...] on the others; a
///         scalar -> [ranks] and [0]. With sizes: [sizes[rank], ...] -> [total, ...].
/// Errors: std::invalid_argument if axis 0 is not this rank's size.
/// Grad:   each rank's input gets its part of the root's cotangent.
array gather(const array& x, int root, std::optional<Group> group = std::nullopt,
             StreamOrDevice s = {});
array gather(const array& x, const Sizes& sizes, int root,
             std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

/// This rank's part along axis 0 of the root's array. The others' give shape and
/// dtype; with sizes, their axis 0 may have any length.
///
/// Shapes: [ranks * n, ...] -> [n, ...]. With sizes: [total, ...] -> [sizes[rank], ...].
/// Errors: std::invalid_argument if axis 0 is not divisible by the ranks, or on
///         the root not the total of the sizes.
/// Grad:   the result varies by rank: the root gets the cotangents of all, one
///         after the other; the others get zeros.
array scatter(const array& x, int root, std::optional<Group> group = std::nullopt,
              StreamOrDevice s = {});
array scatter(const array& x, const Sizes& sizes, int root,
              std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

// --- Between two ranks.

/// Sends the array to one rank, which receives it. Returns `x`: evaluating that
/// sends. What needs no value of it, such as what checkpoint computes again, does
/// not: there, send_recv keeps both directions together.
///
/// Shapes: any -> the same.
/// Ranks:  this one and `dst`, which calls recv with the same tag; those of one
///         tag are matched in order. More than a link holds (about 1 MiB) waits
///         for the receiver: two ranks that send much to each other must not
///         both send first. They use send_recv.
/// Errors: std::invalid_argument in a group of one, if `dst` is not another rank
///         or the tag is negative.
/// Grad:   the cotangent of the result plus what recv_like at `dst` sends back.
array send(const array& x, int dst, std::optional<Group> group = std::nullopt,
           StreamOrDevice s = {});
array send(const array& x, int dst, int tag, std::optional<Group> group = std::nullopt,
           StreamOrDevice s = {});

/// The array that rank `src` sends.
///
/// Ranks:  this one and `src`, which calls send with this shape, dtype and tag.
///         Messages with another tag that come before it are kept until asked for.
/// Errors: std::invalid_argument in a group of one, if `src` is not another rank
///         or the tag is negative.
/// Grad:   none: it depends on nothing here. Use recv_like.
array recv(Shape shape, Dtype dtype, int src, std::optional<Group> group = std::nullopt,
           StreamOrDevice s = {});
array recv(Shape shape, Dtype dtype, int src, int tag, std::optional<Group> group = std::nullopt,
           StreamOrDevice s = {});

/// As recv, with the shape and dtype of `x`, whose values do not matter.
///
/// Grad: the cotangent is sent back to `src`, where send's gradient receives
///       it; `x` gets zeros. For that `x` must be among what is differentiated.
array recv_like(const array& x, int src, std::optional<Group> group = std::nullopt,
                StreamOrDevice s = {});
array recv_like(const array& x, int src, int tag, std::optional<Group> group = std::nullopt,
                StreamOrDevice s = {});

/// One message of send_recv.
struct Parcel {
  static Parcel send(array x, int dst, int tag = 0);
  static Parcel recv(Shape shape, Dtype dtype, int src, int tag = 0);
  static Parcel recv_like(array x, int src, int tag = 0);

  bool sends;
  int peer;
  int tag;
  std::optional<array> x = {};  ///< what is sent, or what the received is like
  Shape shape = {};             ///< of what is received, without x
  Dtype dtype = float32;
};

/// Sends and receives that move at the same time, so that no order among the
/// ranks matters; between two ranks those of one tag are matched in order.
/// Returns one array for each parcel: what is sent, or what has arrived.
///
/// Ranks:  this one and its peers, each by send_recv, send or recv.
/// Errors: as send and recv.
/// Grad:   all parcels go back with cotangents, as those of send and recv_like;
///         what recv (not recv_like) gives is differentiated too. In the same
///         way vmap maps all of them as soon as one is mapped.
std::vector<array> send_recv(const std::vector<Parcel>& parcels,
                             std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

// --- Evaluated at once.

/// The sizes that the ranks give, for the uneven forms above.
Sizes gather_sizes(int64_t size, std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

/// Returns when every rank of the group has called it and this rank's earlier
/// collectives of the group are complete.
void barrier(std::optional<Group> group = std::nullopt, StreamOrDevice s = {});

}  // namespace mlx::core::distributed
