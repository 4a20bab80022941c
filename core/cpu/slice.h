#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

/// `out` becomes src's elements in row-major order: src's own memory if nobody
/// else needs it.
void begin_from(array& out, array& src);

void slice_update(const KernelArgs& args);
void concatenate(const KernelArgs& args);

/// The start is clamped so that the slice lies inside the array.
void dynamic_slice(const KernelArgs& args);
void dynamic_slice_update(const KernelArgs& args);

}  // namespace mlx::core::cpu
