#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core::cpu {

void svd(const KernelArgs& args);
void qr(const KernelArgs& args);
void eig(const KernelArgs& args);
void eigh(const KernelArgs& args);
void inverse(const KernelArgs& args);
void triangular_inverse(const KernelArgs& args);
void cholesky(const KernelArgs& args);
void pseudo_inverse(const KernelArgs& args);
void lu(const KernelArgs& args);
void solve(const KernelArgs& args);
void solve_triangular(const KernelArgs& args);
void determinant(const KernelArgs& args);

}  // namespace mlx::core::cpu
