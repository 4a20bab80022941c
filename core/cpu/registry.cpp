#include "mlx/core/cpu/registry.h"

#include <unordered_map>

namespace mlx::core::cpu {
namespace {

struct Row {
  const Op* op;
  Kernel kernel;
};

// Every operation that needs a kernel on the CPU, by family.
constexpr Row kKernels[] = {
    {nullptr, nullptr},
};

}  // namespace

Kernel find_kernel(const Op& op) {
  static const auto table = [] {
    std::unordered_map<const Op*, Kernel> rows;
    for (const Row& row : kKernels) {
      rows.emplace(row.op, row.kernel);
    }
    return rows;
  }();
  const auto found = table.find(&op);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace mlx::core::cpu
