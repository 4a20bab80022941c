#pragma once

#include "mlx/core/graph/op.h"

namespace mlx::core {

/// Singular values: a [..., m, n] -> U [..., m, m], S [..., min(m, n)],
/// Vt [..., n, n] with a = U diag(S) Vt. Dtypes: float32.
extern const Op kSvd;

}  // namespace mlx::core
