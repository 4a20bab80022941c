#pragma once

#include <string>

#include "mlx/nn/layers/sequential.h"

namespace fashion_mnist {

/// images [N, 28, 28, 1] uint8 -> logits [N, 10]. `kind` is cnn or mlp.
/// Errors: std::invalid_argument for other kinds.
mlx::nn::Sequential make_model(const std::string& kind);

}  // namespace fashion_mnist
