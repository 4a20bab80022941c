// Trains a classifier of Fashion-MNIST, data-parallel over the ranks of a job:
//
//   mlx-launch -n 2 build/examples/fashion_mnist --model cnn --epochs 3
//
// The training itself is fashion_mnist/trainer.cpp, the models are in model.cpp.

#include <cstdio>
#include <exception>

#include "fashion_mnist/dataset.h"
#include "fashion_mnist/options.h"
#include "fashion_mnist/trainer.h"
#include "mlx/distributed/distributed.h"

int main(int argc, char** argv) {
  const fashion_mnist::Options options = fashion_mnist::read_options(argc, argv);
  try {
    const fashion_mnist::Dataset dataset = fashion_mnist::load_dataset(options.data);
    fashion_mnist::Trainer(options, dataset, mlx::core::distributed::init()).run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fashion_mnist: %s\n", error.what());
    return 1;
  }
}
