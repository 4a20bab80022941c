#include "mlx/launch/backend_name.h"

#include <algorithm>
#include <iterator>

#include "mlx/launch/words.h"

namespace mlx::launch {
namespace {

const char* const kBackendNames[] = {"any", "ring", "mpi", "rdma", "jaccl", "jaccl-ring", "nccl"};

}  // namespace

bool is_backend_name(const std::string& name) {
  return std::find(std::begin(kBackendNames), std::end(kBackendNames), name) !=
         std::end(kBackendNames);
}

std::string backend_names() {
  return join({std::begin(kBackendNames), std::end(kBackendNames)}, ", ");
}

}  // namespace mlx::launch
