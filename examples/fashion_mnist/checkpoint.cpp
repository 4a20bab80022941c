#include "checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <unordered_map>

#include "mlx/core/io.h"

namespace fashion_mnist {

using mlx::core::array;
using mlx::core::Tree;

namespace {

const std::string kModel = "model.", kOptimizer = "optimizer.";
const std::string kSteps = "finished_steps";

/// Waits until a file or folder is on the disk.
void sync(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool ok = fd >= 0 && fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) {
    close(fd);
  }
  if (!ok) {
    throw std::runtime_error("Cannot write the checkpoint " + path + ": " + std::strerror(error) +
                             ".");
  }
}

std::vector<std::pair<std::string, array>> with_prefix(
    const std::unordered_map<std::string, array>& arrays, const std::string& prefix) {
  std::vector<std::pair<std::string, array>> out;
  for (const auto& [name, value] : arrays) {
    if (name.starts_with(prefix)) {
      out.emplace_back(name.substr(prefix.size()), value);
    }
  }
  return out;
}

void check_same_run(const std::string& path, const RunDescription& run,
                    const std::unordered_map<std::string, std::string>& saved) {
  for (const auto& [option, value] : run) {
    auto found = saved.find(option);
    if (found == saved.end()) {
      throw std::runtime_error(path + " is not a checkpoint of this program.");
    }
    if (found->second != value) {
      throw std::runtime_error("The checkpoint " + path + " is of another run: it has --" + option +
                               " " + found->second + ", expected " + value + ".");
    }
  }
}

int64_t read_steps(const std::string& path,
                   const std::unordered_map<std::string, std::string>& saved) {
  int64_t steps = -1;
  if (auto found = saved.find(kSteps); found != saved.end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), steps);
  }
  if (steps < 0) {
    throw std::runtime_error("The checkpoint " + path + " does not say how many steps it has.");
  }
  return steps;
}

}  // namespace

void save_checkpoint(const std::string& path, const mlx::nn::Module& model,
                     const mlx::optim::Optimizer& optimizer, int64_t finished_steps,
                     const RunDescription& run) {
  std::unordered_map<std::string, array> arrays;
  for (const auto& [name, value] : model.named_parameters()) {
    arrays.emplace(kModel + name, value);
  }
  for (const auto& [name, value] : optimizer.state().flatten()) {
    arrays.emplace(kOptimizer + name, value);
  }
  std::unordered_map<std::string, std::string> metadata(run.begin(), run.end());
  metadata[kSteps] = std::to_string(finished_steps);

  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  const std::string draft = path + ".new.safetensors";
  mlx::core::save_safetensors(draft, std::move(arrays), std::move(metadata));
  sync(draft);
  std::filesystem::rename(draft, path);
  sync(folder.string());
}

int64_t load_checkpoint(const std::string& path, mlx::nn::Module& model,
                        mlx::optim::Optimizer& optimizer, const RunDescription& run) {
  auto [arrays, metadata] = mlx::core::load_safetensors(path);
  check_same_run(path, run, metadata);
  const int64_t steps = read_steps(path, metadata);
  model.load_weights(with_prefix(arrays, kModel));
  optimizer.set_state(Tree::unflatten(with_prefix(arrays, kOptimizer)));
  return steps;
}

}  // namespace fashion_mnist
