#include "mlx/distributed/collective.h"

#include <numeric>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {

uint64_t Collective::bytes() const {
  const auto total = [](std::span<const size_t> parts) {
    return std::accumulate(parts.begin(), parts.end(), uint64_t{0});
  };
  switch (operation) {
    case Operation::all_to_all:
      return in_parts.empty() ? in.size() : 0;
    case Operation::reduce_scatter:
      return in.size();
    case Operation::all_gather:
    case Operation::gather:
      return out_parts.empty() ? in.size() : total(out_parts);
    case Operation::scatter:
      return in_parts.empty() ? out.size() : total(in_parts);
    case Operation::broadcast:
      return out.size();
    default:
      return in.size();
  }
}

const char* operation_name(Operation operation, Reduction reduction) {
  static constexpr const char* kAllReduce[] = {"all_reduce", "all_sum", "all_prod", "all_min",
                                               "all_max"};
  switch (operation) {
    case Operation::all_reduce:
      return kAllReduce[static_cast<size_t>(reduction)];
    case Operation::all_gather:
      return "all_gather";
    case Operation::reduce_scatter:
      return "sum_scatter";
    case Operation::broadcast:
      return "broadcast";
    case Operation::reduce:
      return "reduce";
    case Operation::gather:
      return "gather";
    case Operation::scatter:
      return "scatter";
    case Operation::all_to_all:
      return "all_to_all";
    case Operation::barrier:
      return "barrier";
    case Operation::send:
      return "send";
    case Operation::recv:
      return "recv";
    case Operation::split:
      return "split";
  }
  return "unknown operation";
}

std::string describe(const Header& h) {
  // From the wire: the numbers may be anything.
  const bool known =
      h.dtype < kDtypes && h.operation <= Operation::split && h.reduction <= Reduction::max;
  if (!known) return concat("#", h.sequence, " (an unknown operation)");
  const Dtype dtype = dtype_of(static_cast<Dtype::Val>(h.dtype));
  std::string text = concat("#", h.sequence, " ", operation_name(h.operation, h.reduction), " ",
                            dtype, "[", h.bytes / dtype.size(), "]");
  if (h.root >= 0) text += concat(h.operation == Operation::broadcast ? " from " : " at ", h.root);
  if (h.tag != 0) text += concat(" tag ", h.tag);
  return text;
}

}  // namespace mlx::core::distributed
