// Compiled functions beside plain ones: a training step of a small network, a chain.

#include <benchmark/benchmark.h>

#include <cmath>

#include "mlx/core/compile.h"
#include "mlx/core/ops.h"
#include "mlx/core/random.h"
#include "mlx/core/transforms.h"

namespace mx = mlx::core;

namespace {

using Arrays = std::vector<mx::array>;
using Function = std::function<Arrays(const Arrays&)>;

constexpr int kLayers = 4;

mx::array gelu(const mx::array& x) { return x * (1.0f + mx::erf(x / std::sqrt(2.0f))) / 2.0f; }

// The parameters, then the batch and its targets.
mx::array loss(const Arrays& in) {
  mx::array x = in[2 * kLayers];
  for (int layer = 0; layer < kLayers; ++layer) {
    x = mx::addmm(in[2 * layer + 1], x, in[2 * layer]);
    x = layer + 1 < kLayers ? gelu(x) : x;
  }
  return mx::mean(mx::square(x - in[2 * kLayers + 1]));
}

// One step of gradient descent: the new parameters and the loss.
Arrays step(const Arrays& in) {
  std::vector<int> parameters(2 * kLayers);
  for (int i = 0; i < 2 * kLayers; ++i) {
    parameters[i] = i;
  }
  auto [value, grads] = mx::value_and_grad(loss, parameters)(in);
  for (int i = 0; i < 2 * kLayers; ++i) {
    grads[i] = in[i] - grads[i] * 0.01f;
  }
  grads.push_back(value);
  return grads;
}

Function plain_or_compiled(bool is_compiled, const Function& fun) {
  return is_compiled ? mx::compile(fun) : fun;
}

void TrainingStep(benchmark::State& state) {
  const Function fun = plain_or_compiled(state.range(0) != 0, step);
  const int width = static_cast<int>(state.range(1));
  Arrays in;
  for (int layer = 0; layer < kLayers; ++layer) {
    in.push_back(mx::random::normal({width, width}) * (1.0f / std::sqrt(1.0f * width)));
    in.push_back(mx::zeros({width}));
  }
  in.push_back(mx::random::normal({32, width}));
  in.push_back(mx::random::normal({32, width}));
  mx::eval(in);
  for (auto _ : state) {
    Arrays out = fun(in);
    mx::eval(out);
    std::move(out.begin(), out.begin() + 2 * kLayers, in.begin());
  }
}
BENCHMARK(TrainingStep)->ArgsProduct({{0, 1}, {16, 128, 512}})->ArgNames({"compiled", "width"});

// Without evaluation: what the graph alone costs.
void BuildTrainingStep(benchmark::State& state) {
  const Function fun = plain_or_compiled(state.range(0) != 0, step);
  const Arrays in(2 * kLayers + 2, mx::ones({16, 16}) * 1.0f);
  Arrays inputs = in;
  for (int layer = 0; layer < kLayers; ++layer) {
    inputs[2 * layer + 1] = mx::zeros({16});
  }
  mx::eval(inputs);
  for (auto _ : state) {
    benchmark::DoNotOptimize(fun(inputs));
  }
}
BENCHMARK(BuildTrainingStep)->Arg(0)->Arg(1)->ArgName("compiled");

void Gelu(benchmark::State& state) {
  const Function fun =
      plain_or_compiled(state.range(0) != 0, [](const Arrays& in) { return Arrays{gelu(in[0])}; });
  const mx::array x = mx::random::normal({static_cast<int64_t>(state.range(1))});
  mx::eval(x);
  for (auto _ : state) {
    mx::eval(fun({x}));
  }
}
BENCHMARK(Gelu)->ArgsProduct({{0, 1}, {16, 1 << 20}})->ArgNames({"compiled", "size"});

}  // namespace
