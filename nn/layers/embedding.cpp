#include "mlx/nn/layers/embedding.h"

#include <cmath>

#include "mlx/core/base/error.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/random.h"

namespace mlx::nn {

Embedding::Embedding(int num_embeddings, int dims) {
  core::require(num_embeddings > 0 && dims > 0, "[Embedding] Sizes must be positive: got ",
                num_embeddings, " and ", dims, ".");
  const float deviation = 1 / std::sqrt(static_cast<float>(dims));
  add("weight", core::random::normal({num_embeddings, dims}, 0.0f, deviation));
}

array Embedding::operator()(const array& indices) const {
  return core::take((*this)["weight"], indices, 0);
}

array Embedding::as_linear(const array& x) const {
  return core::matmul(x, core::transpose((*this)["weight"]));
}

}  // namespace mlx::nn
