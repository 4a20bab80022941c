#pragma once

#include <cstdint>
#include <string>

namespace fashion_mnist {

/// What the command line says.
struct Options {
  std::string model = "cnn";
  int epochs = 3;
  int64_t batch_size = 128;  ///< of all ranks together
  float learning_rate = 2e-3f;
  uint64_t seed = 0;
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::string checkpoint;        ///< a safetensors file
  int64_t checkpoint_every = 0;  ///< steps; 0: an epoch
  bool resume = false;           ///< if there is a checkpoint
  int64_t limit_steps = -1;      ///< stop after so many; negative: do not
  std::string loss_log;          ///< rank 0 writes "step loss" lines; empty: nowhere
  std::string save_params;       ///< every rank writes FILE.<rank>.safetensors; empty: nowhere
};

/// Reads the command line. Prints the help or an error and ends the program
/// where that is asked for or due.
Options read_options(int argc, char** argv);

}  // namespace fashion_mnist
