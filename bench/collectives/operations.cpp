#include "operations.h"

#include <algorithm>

namespace mlx::bench {
namespace {

constexpr Op kOps[] = {
    {"all_sum", Operation::all_reduce, Reduction::sum},
    {"all_max", Operation::all_reduce, Reduction::max},
    {"all_min", Operation::all_reduce, Reduction::min},
    {"all_prod", Operation::all_reduce, Reduction::prod},
    {"all_gather", Operation::all_gather},
    {"sum_scatter", Operation::reduce_scatter, Reduction::sum},
    {"broadcast", Operation::broadcast},
    {"reduce", Operation::reduce, Reduction::sum},
    {"gather", Operation::gather},
    {"scatter", Operation::scatter},
    {"all_to_all", Operation::all_to_all},
    {"barrier", Operation::barrier},
    {"send_recv", Operation::send},
};

// Whether the larger buffer holds a part for each rank.
bool has_parts(Operation operation) {
  return operation == Operation::all_gather || operation == Operation::reduce_scatter ||
         operation == Operation::gather || operation == Operation::scatter ||
         operation == Operation::all_to_all;
}

}  // namespace

std::span<const Op> all_ops() { return kOps; }

const Op* find_op(std::string_view name) {
  const auto found =
      std::find_if(std::begin(kOps), std::end(kOps), [&](const Op& op) { return op.name == name; });
  return found == std::end(kOps) ? nullptr : found;
}

size_t Case::count() const {
  return has_parts(op.operation) ? part_count * static_cast<size_t>(ranks) : part_count;
}

size_t Case::in_count() const {
  switch (op.operation) {
    case Operation::reduce_scatter:
    case Operation::all_to_all:
      return count();
    case Operation::scatter:
      return is_root() ? count() : 0;
    case Operation::broadcast:
      return is_root() ? part_count : 0;
    default:
      return part_count;
  }
}

size_t Case::out_count() const {
  switch (op.operation) {
    case Operation::all_gather:
    case Operation::all_to_all:
      return count();
    case Operation::gather:
      return is_root() ? count() : 0;
    case Operation::reduce:
      return is_root() ? part_count : 0;
    default:
      return part_count;
  }
}

bool Case::has_root() const {
  return op.operation == Operation::broadcast || op.operation == Operation::reduce ||
         op.operation == Operation::gather || op.operation == Operation::scatter;
}

double Case::bus_factor() const {
  const double others = static_cast<double>(ranks - 1) / ranks;
  if (op.operation == Operation::all_reduce) return 2 * others;
  return has_parts(op.operation) ? others : 1;
}

Case make_case(const Op& op, Dtype dtype, size_t bytes, int rank, int ranks) {
  Case c{op, dtype, 0, rank, ranks};
  if (op.operation == Operation::barrier) return c;
  const size_t parts = has_parts(op.operation) ? static_cast<size_t>(ranks) : 1;
  c.part_count = std::max(bytes / dtype.size() / parts, size_t{1});
  return c;
}

}  // namespace mlx::bench
