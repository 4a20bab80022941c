#include "core/transform/derivative_rows.h"
#include "mlx/core/fast.h"

namespace mlx::core {
namespace {

using fast::scaled_dot_product_attention;

array numbers(Shape shape, int seed) { return spread(std::move(shape), -1, 1, seed); }

Arrays norm_inputs() { return {numbers({2, 3, 5}, 0), numbers({5}, 1), numbers({5}, 2)}; }

DerivativeRows layer_norm_rows() {
  return {
      {"RmsNorm", norm_inputs(),
       [](const Arrays& x) { return fast::rms_norm(x[0], x[1] + x[2], 1e-3f); }},
      {"RmsNormWithoutWeight",
       {numbers({3, 4}, 0)},
       [](const Arrays& x) { return fast::rms_norm(x[0], {}, 1e-3f); }},
      {"LayerNorm", norm_inputs(),
       [](const Arrays& x) { return fast::layer_norm(x[0], x[1], x[2], 1e-3f); }},
      {"LayerNormWithoutBias", norm_inputs(),
       [](const Arrays& x) { return fast::layer_norm(x[0], x[1] * x[2], {}, 1e-3f); }},
      {"LayerNormWithoutWeight", norm_inputs(),
       [](const Arrays& x) { return fast::layer_norm(x[0], {}, x[1] * x[2], 1e-3f); }},
      {"LayerNormAlone",
       {numbers({3, 4}, 0)},
       [](const Arrays& x) { return fast::layer_norm(x[0], {}, {}, 1e-3f); }},
  };
}

DerivativeRows rope_rows() {
  return {
      {"Rope",
       {numbers({2, 2, 3, 6}, 0)},
       [](const Arrays& x) { return fast::rope(x[0], 4, false, 100.0f, 0.5f, 3); }},
      {"RopeOfNeighbours",
       {numbers({2, 3, 4}, 0)},
       [](const Arrays& x) {
         return fast::rope(x[0], 4, true, 100.0f, 1.0f, array({2, 5}));
       }},
      // The frequencies are float32, and so is their derivative.
      {.name = "RopeWithFrequencies",
       .inputs = {numbers({2, 3, 4}, 0), spread({2}, 2, 3, 1)},
       .fun = [](const Arrays& x) { return fast::rope(x[0], 4, false, {}, 1.0f, 1, x[1]); },
       .smooth = false,
       .step = 1e-3,
       .tolerance = 2e-3},
  };
}

// Queries [2, 4, 3, 3], keys [2, 2, 5, 3], values [2, 2, 5, 2]: grouped, of all sizes different.
Arrays with_more(const Arrays& more) {
  Arrays out{numbers({2, 4, 3, 3}, 0), numbers({2, 2, 5, 3}, 1), numbers({2, 2, 5, 2}, 2)};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

DerivativeRows attention_rows() {
  return {
      {"Attention", with_more({}),
       [](const Arrays& x) { return scaled_dot_product_attention(x[0], x[1], x[2], 0.7f); }},
      {"AttentionCausal", with_more({}),
       [](const Arrays& x) {
         return scaled_dot_product_attention(x[0], x[1], x[2], 0.7f, "causal");
       }},
      // The first rows see nothing.
      {"AttentionCausalOfFewKeys", with_more({}),
       [](const Arrays& x) {
         return scaled_dot_product_attention(x[0], slice(x[1], {0, 0, 0, 0}, {2, 2, 2, 3}),
                                             slice(x[2], {0, 0, 0, 0}, {2, 2, 2, 2}), 0.7f,
                                             "causal");
       }},
      {"AttentionWithMask", with_more({numbers({2, 1, 3, 5}, 3)}),
       [](const Arrays& x) {
         return scaled_dot_product_attention(x[0], x[1], x[2], 0.7f, "array", x[3]);
       }},
      {"AttentionWithTruth", with_more({}),
       [](const Arrays& x) {
         const array seen = greater(numbers({4, 1, 5}, 5), array(0.0));
         return scaled_dot_product_attention(x[0], x[1], x[2], 0.7f, "", seen);
       }},
      {"AttentionWithSinks", with_more({numbers({4}, 3)}),
       [](const Arrays& x) {
         return scaled_dot_product_attention(x[0], x[1], x[2], 0.7f, "causal", {}, x[3]);
       }},
      {"AttentionWithMaskAndSinks", with_more({numbers({3, 5}, 3), numbers({4}, 4)}),
       [](const Arrays& x) {
         return scaled_dot_product_attention(x[0], x[1], x[2], 0.7f, "", x[3], x[4]);
       }},
  };
}

}  // namespace

DerivativeRows fast_rows() {
  DerivativeRows rows = layer_norm_rows();
  for (const DerivativeRows& more : {rope_rows(), attention_rows()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

}  // namespace mlx::core
