#pragma once

// What is measured: the operations by name, and one of them at one size.

#include <cstddef>
#include <span>
#include <string_view>

#include "mlx/core/dtype.h"
#include "mlx/distributed/collective.h"

namespace mlx::bench {

using core::Dtype;
using core::distributed::Operation;
using core::distributed::Reduction;

struct Op {
  std::string_view name;
  Operation operation;  ///< send: to the next rank while receiving from the previous one
  Reduction reduction = Reduction::none;
};

std::span<const Op> all_ops();

/// Null if there is none of that name.
const Op* find_op(std::string_view name);

/// One operation at one size, seen from one rank. The root is rank 0.
struct Case {
  Op op;
  Dtype dtype;
  size_t part_count;  ///< elements of a rank's part; of the whole where there are no parts
  int rank;
  int ranks;

  /// Elements that this rank gives and gets.
  size_t in_count() const;
  size_t out_count() const;
  /// The size as nccl-tests define it: of the larger of the two buffers.
  size_t count() const;
  size_t bytes() const { return count() * dtype.size(); }
  /// Bus over algorithm bandwidth, as nccl-tests define it: what makes the
  /// figure of a perfect network independent of the ranks.
  double bus_factor() const;

  bool has_root() const;
  bool is_root() const { return rank == 0; }
};

/// The case of about that size: rounded down to whole parts, one element at least.
Case make_case(const Op& op, Dtype dtype, size_t bytes, int rank, int ranks);

}  // namespace mlx::bench
