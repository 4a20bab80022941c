#include "functions.h"
#include "mlx/core/ops/reduce.h"

namespace mlx::bench {
namespace {

using namespace core;

}  // namespace

// "sum" reduces everything, "sum_0" the first axis, "sum_1" the second.
#define REDUCTION(name)                                                      \
  {#name, [](const Arrays& in) { return Arrays{name(in[0])}; }},             \
      {#name "_0", [](const Arrays& in) { return Arrays{name(in[0], 0)}; }}, \
      {#name "_1", [](const Arrays& in) { return Arrays{name(in[0], 1)}; }},

#define SCAN(name)                                                       \
  {#name "_0", [](const Arrays& in) { return Arrays{name(in[0], 0)}; }}, \
      {#name "_1", [](const Arrays& in) { return Arrays{name(in[0], 1)}; }},

Functions reduction_functions() {
  return {
      // clang-format off
      REDUCTION(sum) REDUCTION(mean) REDUCTION(prod) REDUCTION(max) REDUCTION(min)
      REDUCTION(all) REDUCTION(any) REDUCTION(argmax) REDUCTION(argmin)
      REDUCTION(logsumexp) REDUCTION(var) REDUCTION(softmax)
      SCAN(cumsum) SCAN(cumprod) SCAN(cummax) SCAN(logcumsumexp)
      // clang-format on
  };
}

}  // namespace mlx::bench
