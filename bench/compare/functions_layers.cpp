#include <cmath>

#include "functions.h"
#include "mlx/core/fast.h"
#include "mlx/core/ops.h"

namespace mlx::bench {
namespace {

using namespace core;

Arrays attention(const Arrays& in) {
  const float scale = 1 / std::sqrt(static_cast<float>(in[0].shape(-1)));
  return {fast::scaled_dot_product_attention(in[0], in[1], in[2], scale, "causal")};
}

// One query for each head, against all keys.
Arrays attention_decode(const Arrays& in) {
  const float scale = 1 / std::sqrt(static_cast<float>(in[0].shape(-1)));
  return {fast::scaled_dot_product_attention(in[0], in[1], in[2], scale)};
}

}  // namespace

Functions layer_functions() {
  return {
      {"rms_norm", [](const Arrays& in) { return Arrays{fast::rms_norm(in[0], in[1], 1e-5f)}; }},
      {"layer_norm",
       [](const Arrays& in) { return Arrays{fast::layer_norm(in[0], in[1], in[2], 1e-5f)}; }},
      {"rope",
       [](const Arrays& in) {
         return Arrays{
             fast::rope(in[0], static_cast<int>(in[0].shape(-1)), false, 10000.0f, 1.0f, 0)};
       }},
      {"attention", attention},
      {"attention_decode", attention_decode},
      {"conv1d", [](const Arrays& in) { return Arrays{conv1d(in[0], in[1], 1, 1)}; }},
      {"conv2d",
       [](const Arrays& in) {
         return Arrays{conv2d(in[0], in[1], {1, 1}, {1, 1})};
       }},
      {"conv2d_strided",
       [](const Arrays& in) {
         return Arrays{conv2d(in[0], in[1], {2, 2}, {1, 1})};
       }},
      {"conv2d_pointwise", [](const Arrays& in) { return Arrays{conv2d(in[0], in[1])}; }},
      {"conv2d_depthwise",
       [](const Arrays& in) {
         return Arrays{
             conv2d(in[0], in[1], {1, 1}, {1, 1}, {1, 1}, static_cast<int>(in[0].shape(-1)))};
       }},
      {"conv_transpose2d",
       [](const Arrays& in) {
         return Arrays{conv_transpose2d(in[0], in[1], {2, 2}, {1, 1})};
       }},
  };
}

}  // namespace mlx::bench
