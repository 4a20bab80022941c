// One module by its own target and include names.

#include <cstdio>

#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"
#include "mlx/nn/nn.h"

int main() {
  mlx::nn::Linear layer(4, 2);
  mlx::core::array y = layer(mlx::core::ones({3, 4}));
  mlx::core::eval(y);
  std::printf("%d x %d\n", static_cast<int>(y.shape(0)), static_cast<int>(y.shape(1)));
  return y.shape() == mlx::core::Shape{3, 2} ? 0 : 1;
}
