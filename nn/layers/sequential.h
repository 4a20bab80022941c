#pragma once

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "mlx/nn/module.h"

namespace mlx::nn {

/// Layers and functions, one after the other. The parameters of layer i are
/// named `layers.i.*`; functions count.
///
///   nn::Sequential model(nn::Linear(784, 64), nn::relu, nn::Linear(64, 10));
class Sequential : public Module {
 public:
  template <typename... Layers>
  static constexpr bool kIsCopy = sizeof...(Layers) == 1 &&
                                  (std::is_same_v<Layers, Sequential> && ...);

  template <typename... Layers>
  requires(!kIsCopy<Layers...>) explicit Sequential(Layers... layers) {
    (push(std::move(layers)), ...);
  }

  /// Appends a layer or a function from array to array.
  template <typename Layer>
  void push(Layer layer) {
    if constexpr (std::is_base_of_v<Module, Layer>) {
      append(layer, [layer](const array& x) mutable { return layer(x); });
    } else {
      append(Module(), std::move(layer));
    }
  }

  size_t size() const { return calls_.size(); }
  array operator()(array x) const;

 private:
  using Call = std::function<array(const array&)>;
  void append(Module layer, Call call);

  std::vector<Call> calls_;
};

}  // namespace mlx::nn
