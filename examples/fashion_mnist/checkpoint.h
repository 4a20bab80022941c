#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "mlx/nn/module.h"
#include "mlx/optim/optimizer.h"

namespace fashion_mnist {

/// What decides the numbers of a run; it can be continued only with the same.
using RunDescription = std::map<std::string, std::string>;

/// Writes the model, the optimizer's state and where the run is, as one
/// safetensors file. The file is complete or as it was before, whatever
/// happens meanwhile.
/// Errors: std::runtime_error if it cannot be written.
void save_checkpoint(const std::string& path, const mlx::nn::Module& model,
                     const mlx::optim::Optimizer& optimizer, int64_t finished_steps,
                     const RunDescription& run);

/// Restores the model and the optimizer; returns the number of finished steps.
/// Errors: std::runtime_error if there is no such file, it is not a checkpoint
///         of this program, or it is of another run.
int64_t load_checkpoint(const std::string& path, mlx::nn::Module& model,
                        mlx::optim::Optimizer& optimizer, const RunDescription& run);

}  // namespace fashion_mnist
