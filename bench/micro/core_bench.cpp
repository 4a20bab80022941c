// What single steps of the core cost: building, evaluating, allocating, fused programs.

#include <benchmark/benchmark.h>

#include "mlx/core/allocator.h"
#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mx = mlx::core;

namespace {

void BuildAdd(benchmark::State& state) {
  const mx::array a(1.0f);
  const mx::array b(2.0f);
  for (auto _ : state) {
    benchmark::DoNotOptimize(a + b);
  }
}
BENCHMARK(BuildAdd);

void EvalOneAdd(benchmark::State& state) {
  const mx::array a(1.0f);
  const mx::array b(2.0f);
  for (auto _ : state) {
    mx::eval(a + b);
  }
}
BENCHMARK(EvalOneAdd);

void ScalarChain(benchmark::State& state) {
  const auto length = static_cast<int>(state.range(0));
  const mx::array one(1.0f);
  for (auto _ : state) {
    mx::array x = one;
    for (int i = 0; i < length; ++i) {
      x = x + one;
    }
    mx::eval(x);
  }
  state.SetItemsProcessed(state.iterations() * length);
}
BENCHMARK(ScalarChain)->Arg(10)->Arg(1000)->Arg(10000);

void GradOfScalarChain(benchmark::State& state) {
  const auto length = static_cast<int>(state.range(0));
  const auto f = mx::grad([length](const mx::array& x) {
    mx::array y = x;
    for (int i = 0; i < length; ++i) {
      y = y * x;
    }
    return y;
  });
  for (auto _ : state) {
    mx::eval(f(mx::array(1.0f)));
  }
  state.SetItemsProcessed(state.iterations() * length);
}
BENCHMARK(GradOfScalarChain)->Arg(1000);

void FusedChain(benchmark::State& state) {
  const mx::array a = mx::ones({state.range(0)}) + mx::array(1.0f);
  const mx::array b = mx::ones({state.range(0)}) + mx::array(2.0f);
  mx::eval(a, b);
  for (auto _ : state) {
    mx::eval((a * b + a) * b - a);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) * 12);
}
BENCHMARK(FusedChain)->Range(1 << 10, 1 << 24);

void AllocateAndFree(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    mx::allocator::free(mx::allocator::malloc(size));
  }
}
BENCHMARK(AllocateAndFree)->Arg(64)->Arg(1 << 16)->Arg(1 << 26);

void SumRows(benchmark::State& state) {
  const mx::array a = mx::ones({state.range(0), state.range(0)}) + mx::array(1.0f);
  mx::eval(a);
  for (auto _ : state) {
    mx::eval(mx::sum(a, static_cast<int>(state.range(1))));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) * state.range(0) * 4);
}
BENCHMARK(SumRows)->Args({2048, 0})->Args({2048, 1});

}  // namespace
