#include <cmath>

#include "functions.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"

namespace mlx::bench {
namespace {

using namespace core;

Arrays gelu(const Arrays& in) {
  const array& x = in[0];
  return {x * (array(1.0f) + erf(x / array(1.4142135623730951f))) / array(2.0f)};
}

Arrays scalar_adds(const Arrays&) {
  array x(0.0f);
  const array one(1.0f);
  for (int i = 0; i < 10'000; ++i) x = x + one;
  return {x};
}

}  // namespace

Functions elementwise_functions() {
  return {
#define UNARY(name, ...) {#name, [](const Arrays& in) { return Arrays{name(in[0])}; }},
#define BINARY(name, ...) {#name, [](const Arrays& in) { return Arrays{name(in[0], in[1])}; }},
#define TERNARY(name, ...)
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
      {"where", [](const Arrays& in) { return Arrays{where(in[0], in[1], in[2])}; }},
      {"clip", [](const Arrays& in) { return Arrays{clip(in[0], array(-0.5f), array(0.5f))}; }},
      {"add_transposed", [](const Arrays& in) { return Arrays{in[0] + transpose(in[1])}; }},
      {"to_float32", [](const Arrays& in) { return Arrays{astype(in[0], float32)}; }},
      {"to_bfloat16", [](const Arrays& in) { return Arrays{astype(in[0], bfloat16)}; }},
      {"to_float16", [](const Arrays& in) { return Arrays{astype(in[0], float16)}; }},
      {"to_int32", [](const Arrays& in) { return Arrays{astype(in[0], int32)}; }},
      {"gelu", gelu},
      {"scalar_adds", scalar_adds},
  };
}

}  // namespace mlx::bench
