#include <iostream>

#include "mlx/mlx.h"

using namespace mlx::core;

int main() {
  distributed::Group world = distributed::init();
  array x = random::normal({256, 8}, random::key(world.rank()));
  array w_true = arange(8, float32);
  array y = matmul(x, w_true);
  array w = zeros({8});

  auto loss = [&](const array& w) { return mean(square(matmul(x, w) - y)); };
  for (int step = 0; step < 100; ++step) {
    array g = distributed::all_sum(grad(loss)(w), world) / world.size();
    w = w - 0.1f * g;
    eval(w);
  }
  if (world.rank() == 0) {
    std::cout << w << std::endl;
  }
}
