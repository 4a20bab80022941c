#include "functions.h"
#include "mlx/core/einsum.h"
#include "mlx/core/ops.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/quantized.h"
#include "mlx/core/ops/shape.h"

namespace mlx::bench {
namespace {

using namespace core;

}  // namespace

Functions product_functions() {
  return {
      {"matmul", [](const Arrays& in) { return Arrays{matmul(in[0], in[1])}; }},
      {"matmul_transposed",
       [](const Arrays& in) { return Arrays{matmul(in[0], swapaxes(in[1], -1, -2))}; }},
      {"addmm", [](const Arrays& in) { return Arrays{addmm(in[0], in[1], in[2])}; }},
      {"einsum", [](const Arrays& in) { return Arrays{einsum("bqhd,bkhd->bhqk", in)}; }},
      {"quantized_matmul_4",
       [](const Arrays& in) {
         return Arrays{quantized_matmul(in[0], in[1], in[2], in[3], true, 64, 4)};
       }},
      {"quantized_matmul_8",
       [](const Arrays& in) {
         return Arrays{quantized_matmul(in[0], in[1], in[2], in[3], true, 64, 8)};
       }},
  };
}

}  // namespace mlx::bench
