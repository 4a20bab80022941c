// The one place that names the devices.

#include "mlx/core/eval/devices.h"

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/registry.h"
#include "mlx/core/cpu/tile.h"

namespace mlx::core {

Kernel kernel_for(const Op& op, const Device&) {
  if (op.run != nullptr) {
    return op.run;
  }
  if (op.row != nullptr) {
    return cpu::run_tile_program;
  }
  if (Kernel kernel = cpu::find_kernel(op)) {
    return kernel;
  }
  throw std::runtime_error(concat("[", op.name, "] No device has a kernel for this operation."));
}

}  // namespace mlx::core
