#include "trainer.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>

#include "checkpoint.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/random.h"
#include "mlx/distributed/ops.h"
#include "mlx/nn/losses.h"
#include "mlx/nn/parallel/average_gradients.h"
#include "mlx/nn/value_and_grad.h"
#include "model.h"

namespace fashion_mnist {

namespace core = mlx::core;
namespace nn = mlx::nn;
namespace optim = mlx::optim;
using core::array;
using core::Tree;
using core::distributed::Group;

namespace {

constexpr int64_t kTestBatch = 500;

int64_t count_steps(const Options& options, const Dataset& dataset, const Group& group) {
  if (options.batch_size % group.size() != 0) {
    throw std::invalid_argument("--batch-size must be a multiple of the number of ranks: got " +
                                std::to_string(options.batch_size) + " for " +
                                std::to_string(group.size()) + " ranks.");
  }
  if (options.batch_size > dataset.train.size()) {
    throw std::invalid_argument("--batch-size is larger than the data set: got " +
                                std::to_string(options.batch_size) + ", expected at most " +
                                std::to_string(dataset.train.size()) + ".");
  }
  return dataset.train.size() / options.batch_size;
}

/// The same on all ranks: the seed decides the first parameters.
nn::Sequential make_seeded_model(const Options& options) {
  core::random::seed(options.seed);
  return make_model(options.model);
}

/// An order of 0 .. count-1 that the seed and the epoch alone decide, so that
/// all ranks have it, and a resumed run too.
std::vector<uint32_t> shuffled(int64_t count, uint64_t seed, int epoch) {
  std::vector<uint32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::seed_seq words{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                      static_cast<uint32_t>(epoch)};
  std::mt19937_64 random(words);
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[random() % i]);
  }
  return order;
}

/// The shortest text that reads back as the same number.
std::string exact(float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

RunDescription describe(const Options& options) {
  return {{"model", options.model},
          {"epochs", std::to_string(options.epochs)},
          {"batch-size", std::to_string(options.batch_size)},
          {"lr", exact(options.learning_rate)},
          {"seed", std::to_string(options.seed)}};
}

/// Up along a line for the first tenth of the steps, then down along a cosine.
optim::Schedule make_schedule(const Options& options, int64_t steps) {
  const int64_t warmup = std::max<int64_t>(1, steps / 10);
  return optim::join_schedules(
      {optim::linear_schedule(0, options.learning_rate, warmup),
       optim::cosine_decay(options.learning_rate, std::max<int64_t>(1, steps - warmup))},
      {warmup});
}

array batch_loss(nn::Sequential& model, const Batch& batch) {
  return nn::losses::cross_entropy(model(batch.images), batch.labels, "mean");
}

}  // namespace

Trainer::Trainer(const Options& options, const Dataset& dataset, Group group)
    : options_(options),
      dataset_(dataset),
      group_(std::move(group)),
      steps_per_epoch_(count_steps(options, dataset, group_)),
      model_(make_seeded_model(options)),
      optimizer_(make_schedule(options, options.epochs * steps_per_epoch_),
                 {.bias_correction = true}),
      loss_and_grad_(nn::value_and_grad(model_, batch_loss)) {
  const auto folder = std::filesystem::absolute(options_.checkpoint).parent_path();
  if (!std::filesystem::is_directory(folder)) {
    throw std::runtime_error("The folder for the checkpoint does not exist: " + folder.string() +
                             ".");
  }
  optimizer_.init(model_.trainable_parameters());
  if (group_.rank() == 0 && !options_.loss_log.empty()) {
    loss_log_.open(options_.loss_log, options_.resume ? std::ios::app : std::ios::trunc);
    if (!loss_log_) {
      throw std::runtime_error("Cannot write " + options_.loss_log + ".");
    }
  }
}

template <typename T>
std::span<const T> Trainer::share(std::span<const T> all) const {
  const auto ranks = static_cast<size_t>(group_.size());
  const auto rank = static_cast<size_t>(group_.rank());
  const size_t begin = all.size() * rank / ranks, end = all.size() * (rank + 1) / ranks;
  return all.subspan(begin, end - begin);
}

float Trainer::step(std::span<const uint32_t> batch) {
  auto [local_loss, gradients] = loss_and_grad_(dataset_.train.batch(share(batch)));
  optimizer_.update(model_, nn::average_gradients(gradients, group_));
  const array loss =
      core::distributed::all_sum(local_loss, group_) * (1.0f / static_cast<float>(group_.size()));
  core::eval(loss, model_.parameters(), optimizer_.state());
  return loss.item<float>();
}

bool Trainer::finished() const {
  return steps_taken_ >= options_.epochs * steps_per_epoch_ ||
         (options_.limit_steps >= 0 && steps_taken_ >= options_.limit_steps);
}

void Trainer::run_epoch(Progress& progress) {
  const auto epoch = static_cast<int>(steps_taken_ / steps_per_epoch_);
  const Numbers order = shuffled(dataset_.train.size(), options_.seed, epoch);
  const auto size = static_cast<size_t>(options_.batch_size);
  for (int64_t i = steps_taken_ % steps_per_epoch_; i < steps_per_epoch_ && !finished(); ++i) {
    const float loss = step(std::span(order).subspan(static_cast<size_t>(i) * size, size));
    ++steps_taken_;
    if (loss_log_.is_open()) {
      char line[64];
      std::snprintf(line, sizeof line, "%lld %.9g\n", static_cast<long long>(steps_taken_),
                    static_cast<double>(loss));
      loss_log_ << line << std::flush;
    }
    progress.step(loss);
    save_checkpoint_if_due();
  }
}

void Trainer::save_checkpoint_if_due() const {
  const int64_t every = options_.checkpoint_every ? options_.checkpoint_every : steps_per_epoch_;
  const bool last = steps_taken_ == options_.epochs * steps_per_epoch_;
  if (group_.rank() == 0 && (last || steps_taken_ % every == 0)) {
    save_checkpoint(options_.checkpoint, model_, optimizer_, steps_taken_, describe(options_));
  }
}

int64_t Trainer::count_correct(const Split& split) {
  Numbers all(static_cast<size_t>(split.size()));
  std::iota(all.begin(), all.end(), 0);
  const std::span<const uint32_t> mine = share(std::span<const uint32_t>(all));
  array correct(0, core::int32);
  for (size_t at = 0; at < mine.size(); at += kTestBatch) {
    const Batch batch =
        split.batch(mine.subspan(at, std::min<size_t>(kTestBatch, mine.size() - at)));
    const array guess = core::argmax(model_(batch.images), 1);
    correct = correct + core::sum(core::astype(guess == batch.labels, core::int32));
    correct.eval();
  }
  return core::distributed::all_sum(correct, group_).item<int>();
}

void Trainer::resume() {
  // Only rank 0 reads, so that all continue at the same step, and its host alone needs the file.
  if (group_.rank() == 0) {
    const std::string& path = options_.checkpoint;
    const bool there = std::filesystem::exists(path);
    if (there) {
      steps_taken_ = load_checkpoint(path, model_, optimizer_, describe(options_));
    }
    const char* restart = std::getenv("MLX_RESTART_COUNT");
    const std::string which =
        restart && std::string(restart) != "0" ? "Restart " + std::string(restart) + ": " : "";
    const std::string what =
        there ? "continuing from " + path + " after step " + std::to_string(steps_taken_) + "."
              : "there is no checkpoint " + path + " yet, training begins from the start.";
    std::fprintf(stderr, "fashion_mnist: %s%s\n", which.c_str(), what.c_str());
  }
  const array steps(steps_taken_, core::int64);
  steps_taken_ = core::distributed::broadcast(steps, 0, group_).item<int64_t>();
  if (steps_taken_ == 0) {
    return;  // the seed has made all the same
  }
  // By name: the order of what was read from a file may differ.
  auto from_rank_0 = [this](Tree::NamedArrays arrays) {
    std::sort(arrays.begin(), arrays.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [name, value] : arrays) {
      value = core::distributed::broadcast(value, 0, group_);
      value.eval();
    }
    return arrays;
  };
  model_.load_weights(from_rank_0(model_.named_parameters()));
  optimizer_.set_state(Tree::unflatten(from_rank_0(optimizer_.state().flatten())));
}

void Trainer::save_parameters() const {
  model_.save_weights(options_.save_params + "." + std::to_string(group_.rank()) + ".safetensors");
}

void Trainer::run() {
  model_.train();
  if (options_.resume) {
    resume();
  }
  Progress progress(group_.rank() == 0, options_.epochs, steps_per_epoch_, options_.batch_size,
                    steps_taken_);
  while (!finished()) {
    run_epoch(progress);
  }

  model_.eval();
  const int64_t correct = count_correct(dataset_.test);
  if (!options_.save_params.empty()) {
    save_parameters();
  }
  const auto tested = static_cast<double>(dataset_.test.size());
  char line[128];
  std::snprintf(line, sizeof line, "test accuracy %.2f %% (%lld of %.0f)  time %.1f s",
                100.0 * static_cast<double>(correct) / tested, static_cast<long long>(correct),
                tested, progress.seconds());
  progress.say(line);
}

}  // namespace fashion_mnist
