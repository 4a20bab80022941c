#pragma once

#include "mlx/nn/module.h"

namespace mlx::nn {

/// Rows of a table, by index.
///
/// Shapes: indices [...] -> [..., dims]; weight [num_embeddings, dims].
/// Init:   normal with deviation 1/sqrt(dims).
/// Errors: std::invalid_argument if a size is not positive or the indices are not integers.
class Embedding : public Module {
 public:
  Embedding(int num_embeddings, int dims);
  array operator()(const array& indices) const;
  /// x Wᵀ: the table as the output layer of a model that shares it.
  array as_linear(const array& x) const;
};

}  // namespace mlx::nn
