#pragma once

// What our side of the comparison can run: functions from arrays to arrays, by
// name. Which of them run, on which inputs, is said in cases/*.py.

#include <initializer_list>
#include <utility>
#include <vector>

#include "mlx/core/array.h"

namespace mlx::bench {

using Arrays = std::vector<core::array>;
using Function = Arrays (*)(const Arrays&);
using Functions = std::vector<std::pair<const char*, Function>>;

Functions elementwise_functions();
Functions reduction_functions();
Functions layer_functions();
Functions product_functions();
Functions selection_functions();
Functions algorithm_functions();

/// What this machine can do at best: plain loops over memory, OpenBLAS called
/// directly. They write into their last input and return nothing.
Functions yardsticks();

}  // namespace mlx::bench
