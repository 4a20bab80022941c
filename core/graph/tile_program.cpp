#include "mlx/core/graph/tile_program.h"

namespace mlx::core {

ComputeType compute_type(Dtype dtype) {
  // In the order of Dtype::Val.
  using enum ComputeType;
  constexpr ComputeType kTypes[kDtypes] = {b8,  u32, u32, u32, u64, i32, i32,
                                           i32, i64, f32, f32, f64, f32, c64};
  return kTypes[static_cast<int>(dtype.val())];
}

}  // namespace mlx::core
