#include "mlx/nn/layers/sequential.h"

#include <string>

namespace mlx::nn {

void Sequential::append(Module layer, Call call) {
  add("layers." + std::to_string(calls_.size()), std::move(layer));
  calls_.push_back(std::move(call));
}

array Sequential::operator()(array x) const {
  for (const Call& call : calls_) {
    x = call(x);
  }
  return x;
}

}  // namespace mlx::nn
