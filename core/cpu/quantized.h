#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

void quantize(const KernelArgs& args);
void dequantize(const KernelArgs& args);
void quantize_round_trip(const KernelArgs& args);
void to_fp8(const KernelArgs& args);
void from_fp8(const KernelArgs& args);
void quantized_matmul(const KernelArgs& args);
void gather_qmm(const KernelArgs& args);

}  // namespace mlx::core::cpu
