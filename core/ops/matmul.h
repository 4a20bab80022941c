#pragma once

// Matrix products.

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

array matmul(const array& a, const array& b, StreamOrDevice s = {});

array kron(const array& a, const array& b, StreamOrDevice s = {});

array tensordot(const array& a, const array& b, const int axis = 2, StreamOrDevice s = {});
array tensordot(const array& a, const array& b, const std::vector<int>& axes_a,
                const std::vector<int>& axes_b, StreamOrDevice s = {});

array outer(const array& a, const array& b, StreamOrDevice s = {});

array inner(const array& a, const array& b, StreamOrDevice s = {});

array vecdot(const array& a, const array& b, int axis = -1, StreamOrDevice s = {});

array addmm(array c, array a, array b, const float& alpha = 1.f, const float& beta = 1.f,
            StreamOrDevice s = {});

}  // namespace mlx::core
