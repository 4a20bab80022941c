#pragma once

// What each collective is to give, computed here: for any dtype, size, number
// of ranks and transport.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "mlx/core/dtype.h"
#include "mlx/distributed/collective.h"
#include "mlx/distributed/group.h"

namespace mlx::core::distributed::testing {

inline constexpr Dtype kAllDtypes[] = {bool_,   uint8,   uint16,   uint32,   uint64,
                                       int8,    int16,   int32,    int64,    float16,
                                       float32, float64, bfloat16, complex64};

/// A collective and how its data lie.
struct Case {
  const char* name;
  Operation operation;
  Reduction reduction = Reduction::none;
  bool uneven = false;    ///< the ranks' parts differ, some are empty
  bool in_place = false;  ///< input and output are the same memory
  bool on_gpu = false;    ///< said to be in the memory of a GPU

  /// Whether somebody holds the parts of all ranks.
  bool has_parts_of_all() const;
};

inline constexpr Case kCases[] = {
    {"all_sum", Operation::all_reduce, Reduction::sum},
    {"all_sum_in_place", Operation::all_reduce, Reduction::sum, false, true},
    {"all_prod", Operation::all_reduce, Reduction::prod},
    {"all_min", Operation::all_reduce, Reduction::min},
    {"all_max_in_place", Operation::all_reduce, Reduction::max, false, true},
    {"all_gather", Operation::all_gather},
    {"all_gather_uneven", Operation::all_gather, Reduction::none, true},
    {"sum_scatter", Operation::reduce_scatter, Reduction::sum},
    {"sum_scatter_uneven", Operation::reduce_scatter, Reduction::sum, true},
    {"broadcast", Operation::broadcast},
    {"broadcast_in_place", Operation::broadcast, Reduction::none, false, true},
    {"reduce", Operation::reduce, Reduction::sum},
    {"reduce_max_in_place", Operation::reduce, Reduction::max, false, true},
    {"gather", Operation::gather},
    {"gather_uneven", Operation::gather, Reduction::none, true},
    {"scatter", Operation::scatter},
    {"scatter_uneven", Operation::scatter, Reduction::none, true},
    {"all_to_all", Operation::all_to_all},
    {"all_to_all_uneven", Operation::all_to_all, Reduction::none, true},
};

/// Runs the case on this rank of the group, each part about `count` values, and
/// fails the test unless the result is right to the last bit and the input as before.
void expect_right(detail::GroupImpl& group, const Case& c, Dtype dtype, size_t count, int root = 0);

}  // namespace mlx::core::distributed::testing
