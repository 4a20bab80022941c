#include "mlx/launch/backend_name.h"

#include <algorithm>
#include <iterator>

#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

const char* const kNames[] = {"any", "ring", "mpi", "rdma", "jaccl", "jaccl-ring", "nccl"};

}  // namespace

bool is_backend_name(const std::string& name) {
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::string backend_names() { return join({std::begin(kNames), std::end(kNames)}, ", "); }

}  // namespace mlx::launch
