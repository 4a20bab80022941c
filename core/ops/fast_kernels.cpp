// Kernels in the languages of GPUs.

#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/core/fast.h"

namespace mlx::core::fast {
namespace {

[[noreturn]] void refuse(const char* function, const char* device, const std::string& name) {
  throw std::runtime_error(concat("[", function, "] Kernel '", name,
                                  "' is not supported on this build: it has no ", device,
                                  " device; write it as operations of arrays."));
}

}  // namespace

CustomKernelFunction metal_kernel(const std::string& name, const std::vector<std::string>&,
                                  const std::vector<std::string>&, const std::string&,
                                  const std::string&, bool, bool, const CompileOptions&) {
  refuse("metal_kernel", "Metal", name);
}

CustomKernelFunction cuda_kernel(const std::string& name, const std::vector<std::string>&,
                                 const std::vector<std::string>&, const std::string&,
                                 const std::string&, bool, int) {
  refuse("cuda_kernel", "CUDA", name);
}

std::vector<array> precompiled_cuda_kernel(const std::string& name, const std::string&,
                                           const std::vector<array>&, const std::vector<Shape>&,
                                           const std::vector<Dtype>&, const std::vector<ScalarArg>&,
                                           std::tuple<int, int, int>, std::tuple<int, int, int>,
                                           int, std::optional<float>, bool, StreamOrDevice) {
  refuse("precompiled_cuda_kernel", "CUDA", name);
}

}  // namespace mlx::core::fast
