// Gradients of scalar functions, over the backward pass.

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/transform/derivative.h"
#include "mlx/core/transform/path.h"
#include "mlx/core/transform/tracer.h"
#include "mlx/core/transforms.h"

namespace mlx::core {
namespace {

/// Argument numbers as indices. Errors: std::invalid_argument if out of range or given twice.
std::vector<size_t> normalize_argnums(const std::vector<int>& argnums, size_t count) {
  require(!argnums.empty(), "[grad] Got no argument numbers, expected at least one.");
  std::vector<size_t> indices;
  std::vector<bool> seen(count, false);
  for (int argnum : argnums) {
    const int64_t index = argnum < 0 ? argnum + static_cast<int64_t>(count) : argnum;
    require(index >= 0 && index < static_cast<int64_t>(count), "[grad] Argument number ", argnum,
            " is out of range for a function of ", count, " arguments.");
    const auto i = static_cast<size_t>(index);
    require(!seen[i], "[grad] Argument number ", argnum, " is given twice.");
    seen[i] = true;
    indices.push_back(i);
  }
  return indices;
}

// Only the first output has a gradient, also in a transform around this one.
void stop_gradients_after_first(Arrays& outputs) {
  for (size_t i = 1; i < outputs.size(); ++i) {
    outputs[i] = stop_gradient(outputs[i], detail::stream_of(outputs[i]));
  }
}

Arrays seed_of_scalar(const Arrays& outputs) {
  require(!outputs.empty(), "[grad] The function returned nothing, expected a scalar.");
  require(outputs[0].ndim() == 0, "[grad] The function's value: got shape ", outputs[0].shape(),
          ", expected a scalar.");
  Arrays seeds(outputs.size(), detail::no_array());
  seeds[0] = ones_like(outputs[0], detail::stream_of(outputs[0]));
  return seeds;
}

std::pair<Arrays, Arrays> call_with_grad(const ArraysFn& fun, const std::vector<int>& argnums,
                                         const Arrays& inputs) {
  const std::vector<size_t> indices = normalize_argnums(argnums, inputs.size());
  Arrays primals;
  for (size_t i : indices) {
    primals.push_back(inputs[i]);
  }
  const auto of_primals = [&](const Arrays& tracers) {
    Arrays args = inputs;
    for (size_t k = 0; k < indices.size(); ++k) {
      args[indices[k]] = tracers[k];
    }
    Arrays outputs = fun(args);
    stop_gradients_after_first(outputs);
    return outputs;
  };
  return detail::differentiate_backward(of_primals, primals, seed_of_scalar);
}

ArraysFn as_arrays_fn(const std::function<array(const std::vector<array>&)>& fun) {
  return [fun](const Arrays& in) { return Arrays{fun(in)}; };
}

ArraysFn as_arrays_fn(const std::function<array(const array&)>& fun) {
  return [fun](const Arrays& in) { return Arrays{fun(in[0])}; };
}

}  // namespace

ValueAndGradFn value_and_grad(const ArraysFn& fun, const std::vector<int>& argnums) {
  return [fun, argnums](const Arrays& inputs) { return call_with_grad(fun, argnums, inputs); };
}

ValueAndGradFn value_and_grad(const ArraysFn& fun, int argnum) {
  return value_and_grad(fun, std::vector<int>{argnum});
}

std::function<std::pair<array, array>(const array&)> value_and_grad(
    const std::function<array(const array&)>& fun) {
  return [fun = as_arrays_fn(fun)](const array& input) {
    auto [values, grads] = call_with_grad(fun, {0}, {input});
    return std::pair<array, array>(values[0], grads[0]);
  };
}

SimpleValueAndGradFn value_and_grad(const std::function<array(const std::vector<array>&)>& fun,
                                    const std::vector<int>& argnums) {
  return [fun = as_arrays_fn(fun), argnums](const Arrays& inputs) {
    auto [values, grads] = call_with_grad(fun, argnums, inputs);
    return std::pair<array, Arrays>(values[0], std::move(grads));
  };
}

SimpleValueAndGradFn value_and_grad(const std::function<array(const std::vector<array>&)>& fun,
                                    int argnum) {
  return value_and_grad(fun, std::vector<int>{argnum});
}

ArraysFn grad(const std::function<array(const std::vector<array>&)>& fun,
              const std::vector<int>& argnums) {
  return [fun = as_arrays_fn(fun), argnums](const Arrays& inputs) {
    return call_with_grad(fun, argnums, inputs).second;
  };
}

ArraysFn grad(const std::function<array(const std::vector<array>&)>& fun, int argnum) {
  return grad(fun, std::vector<int>{argnum});
}

std::function<array(const array&)> grad(const std::function<array(const array&)>& fun) {
  return [fun = as_arrays_fn(fun)](const array& input) {
    return call_with_grad(fun, {0}, {input}).second[0];
  };
}

}  // namespace mlx::core
