#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "dataset.h"
#include "mlx/distributed/distributed.h"
#include "mlx/nn/layers/sequential.h"
#include "mlx/optim/adam.h"
#include "options.h"
#include "progress.h"

namespace fashion_mnist {

/// One rank of a data-parallel training run.
///
/// Every rank has the whole model and takes an equal slice of each batch; the
/// mean of the gradients over the ranks is that of the batch. So the numbers
/// do not depend on how many ranks there are, but for rounding.
class Trainer {
 public:
  /// Errors: std::invalid_argument if the batch does not divide among the
  ///         ranks or is larger than the data set.
  Trainer(const Options& options, const Dataset& dataset, mlx::core::distributed::Group group);

  /// Trains, tests and says how it went. Ranks: all.
  void run();

 private:
  using Numbers = std::vector<uint32_t>;
  /// Continues where rank 0's checkpoint says; from the start without one.
  void resume();
  bool finished() const;
  /// The rest of the epoch in which we are.
  void run_epoch(Progress& progress);
  void save_checkpoint_if_due() const;
  /// One step on a global batch; returns its loss.
  float step(std::span<const uint32_t> batch);
  int64_t count_correct(const Split& split);
  void save_parameters() const;

  /// This rank's share of a list that all ranks have.
  template <typename T>
  std::span<const T> share(std::span<const T> all) const;

  const Options options_;
  const Dataset& dataset_;
  const mlx::core::distributed::Group group_;
  const int64_t steps_per_epoch_;
  mlx::nn::Sequential model_;
  mlx::optim::AdamW optimizer_;
  std::function<std::pair<mlx::core::array, mlx::core::Tree>(const Batch&)> loss_and_grad_;
  std::ofstream loss_log_;
  int64_t steps_taken_ = 0;
};

}  // namespace fashion_mnist
