// What the graph of a compiled function is: what was merged, kept, left out and freed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transform/functions.h"
#include "mlx/core/compile.h"
#include "mlx/core/eval/tape.h"
#include "mlx/core/memory.h"
#include "mlx/core/random.h"

namespace mlx::core {
namespace {

using testing::ElementsAre;

size_t operations_of(const Arrays& outputs) { return collect(outputs).order.size(); }

TEST(Compile, MergesEqualOperations) {
  const Function fun = [](const Arrays& in) {
    return Arrays{exp(in[0] * 2.0f) + exp(in[0] * 2.0f), sum(in[0], 0) * sum(in[0], 1)};
  };
  const array x = spread({3, 3}, 0, 1);
  EXPECT_EQ(operations_of(fun({x})), 8u);
  EXPECT_EQ(operations_of(compile(fun)({x})), 6u);
  set_compile_mode(CompileMode::no_simplify);
  const size_t apart = operations_of(compile(fun)({x}));
  enable_compile();
  EXPECT_EQ(apart, 8u);
}

TEST(Compile, MergesNothingThatDiffers) {
  const array x({1.0f, 2.0f});
  const Stream other = new_stream(Device::cpu);
  const Function fun = compile([&](const Arrays& in) {
    return Arrays{in[0] * 2.0f,
                  in[0] * array({2.0f}),
                  in[0] * array(2, int32),
                  in[0] + 2.0f,
                  exp(in[0]),
                  exp(in[0], other),
                  astype(in[0], float16),
                  astype(in[0], int32),
                  in[0] * array({3.0f, 4.0f})};
  });
  EXPECT_EQ(operations_of(fun({x})), 9u);
}

TEST(Compile, MergesDrawsOfTheSameKeyOnly) {
  const Function fun = compile([](const Arrays& in) {
    const auto draw = [](const array& key) { return random::bits({4}, key); };
    return Arrays{draw(in[0]), draw(in[0]), draw(in[1]), random::bits({4}), random::bits({4})};
  });
  const auto drawn = all_values(fun({random::key(1), random::key(2)}));
  EXPECT_EQ(drawn[0], drawn[1]);
  EXPECT_NE(drawn[0], drawn[2]);
  EXPECT_NE(drawn[3], drawn[4]);
}

TEST(Compile, LeavesOutWhatOnlyDerivativesNeed) {
  const Function fun = compile([](const Arrays& in) {
    const auto doubled =
        custom_vjp([](const Arrays& a) { return Arrays{a[0] * 2.0f}; },
                   [](const Arrays&, const Arrays& g, const Arrays&) { return g; });
    return doubled({stop_gradient(in[0])});
  });
  EXPECT_EQ(operations_of(fun({array(1.0f)})), 1u);
}

std::vector<int> notes;

// The identity, which notes its number when it runs.
const Op kNoted{.name = "Noted",
                .infer = [](Inputs in, const Attrs&) -> Type {
                  return {in[0].shape(), in[0].dtype()};
                },
                .vjp = [](const VjpArgs& args) -> Arrays { return {args.cotangents[0]}; },
                .run =
                    [](const KernelArgs& args) {
                      notes.push_back(args.attrs.get<int>());
                      args.outputs[0].copy_shared_buffer(args.inputs[0]);
                    },
                .ordered = true};

array noted(const array& x, int number) {
  return make_node(kNoted, {x}, Attrs(number), default_stream(Device::cpu));
}

TEST(Compile, KeepsOrderedOperationsAsTheProgramMadeThem) {
  const Function fun = compile([](const Arrays& in) {
    const array first = noted(in[0], 1);
    const array same = noted(in[0], 1);
    const array third = noted(in[0] * 2.0f, 3);
    const array unused = noted(in[0], 4);
    const array last = noted(first + same, 5);
    return Arrays{third, last + third};
  });
  for (int i = 0; i < 2; ++i) {
    notes.clear();
    const Arrays out = fun({array(1.0f)});
    eval(out);
    EXPECT_THAT(notes, ElementsAre(1, 1, 3, 5));
    EXPECT_THAT(values(out[1]), ElementsAre(4));
  }
}

// ---- among other transforms

TEST(Compile, IsTransparentToOtherTransforms) {
  Counted cube([](const Arrays& in) { return Arrays{in[0] * in[0] * in[0]}; });
  const Function compiled = compile(cube.counting());
  const auto of_one = [&](const array& x) { return compiled({x})[0]; };
  const array x(2.0f);
  EXPECT_THAT(values(grad(of_one)(x)), ElementsAre(12));
  EXPECT_THAT(values(grad(grad(of_one))(x)), ElementsAre(12));
  EXPECT_THAT(values(jvp(of_one, x, array(1.0f)).second), ElementsAre(12));
  const int before = cube.calls;
  const Function outer = compile([&](const Arrays& in) { return compiled(compiled(in)); });
  EXPECT_THAT(values(outer({x})[0]), ElementsAre(512));
  EXPECT_THAT(values(outer({x + 1.0f})[0]), ElementsAre(19683));
  EXPECT_EQ(cube.calls, before + 2);
}

TEST(Compile, CapturesTheTracersOfATransformAround) {
  const auto product = [](const array& x) {
    const Function fun = compile([&](const Arrays& in) { return Arrays{in[0] * x}; });
    return fun({array(3.0f)})[0];
  };
  EXPECT_THAT(values(grad(product)(array(2.0f))), ElementsAre(3));
}

// Bytes that a compiled gradient needs at most, of layers that each keep `bytes`.
size_t peak_of_compiled_gradient(int64_t bytes, bool is_checkpointed) {
  const Function block = [](const Arrays& in) {
    array y = in[0];
    for (int layer = 0; layer < 8; ++layer) {
      y = sin(y);
    }
    return Arrays{y};
  };
  const Function run = is_checkpointed ? checkpoint(block) : block;
  const Function gradient = compile([run](const Arrays& in) {
    const auto fun = [&](const Arrays& x) { return run(run(run(run(x)))); };
    return vjp(fun, {in[0]}, {in[1]}).second;
  });
  const array x = full({bytes / 4}, 0.5f);
  const array g = ones_like(x);
  eval(x, g);
  reset_peak_memory();
  const size_t before = get_active_memory();
  eval(gradient({x, g}));
  return get_peak_memory() - before;
}

TEST(Compile, DoesNotMergeWhatACheckpointComputesAgain) {
  constexpr int64_t kBytes = 1 << 20;
  EXPECT_GE(peak_of_compiled_gradient(kBytes, false), size_t{30 * kBytes});
  EXPECT_LE(peak_of_compiled_gradient(kBytes, true), size_t{16 * kBytes});
}

// ---- memory

TEST(Compile, KeepsNoDataOfItsCalls) {
  const Function fun = compile([](const Arrays& in) {
    return Arrays{matmul(in[0], sin(in[0])), sum(ones({256, 256}) * in[0])};
  });
  const size_t before = get_active_memory();
  for (int i = 0; i < 3; ++i) {
    const array x = full({256, 256}, static_cast<float>(i));
    eval(fun({x}));
  }
  EXPECT_LT(get_active_memory() - before, size_t{256 * 256});
}

TEST(Compile, KeepsNoGraphOfWhatTracingEvaluated) {
  constexpr size_t kBytes = size_t{1} << 20;
  const array x = ones({static_cast<int64_t>(kBytes / 4)}) * 1.0f;
  eval(x);
  const size_t before = get_active_memory();
  const Function fun = compile([&](const Arrays& in) {
    const auto total = [&](const array& a) {
      array y = cumsum(cumsum(a, 0), 0);
      eval(y);  // does not depend on `in`
      return sum(y);
    };
    return Arrays{in[0] * value_and_grad(total)(x).first};
  });
  eval(fun({array(1.0f)}));
  EXPECT_LT(get_active_memory() - before, kBytes + kBytes / 2);
}

TEST(Compile, IntermediatesGiveTheirMemoryOn) {
  const Function fun = compile([](const Arrays& in) {
    array y = in[0];
    for (int i = 0; i < 8; ++i) {
      y = cumsum(y, 0) * 0.5f;
    }
    return Arrays{y};
  });
  constexpr size_t kBytes = size_t{1} << 20;
  const array x = ones({static_cast<int64_t>(kBytes / 4)}) * 1.0f;
  eval(x);
  const size_t before = get_active_memory();
  reset_peak_memory();
  eval(fun({x}));
  EXPECT_LE(get_peak_memory() - before, 3 * kBytes);
}

TEST(Compile, DestroysDeepGraphs) {
  const Function fun = compile([](const Arrays& in) {
    array y = in[0];
    for (int i = 0; i < 100'000; ++i) {
      y = y + in[0];
    }
    return Arrays{y};
  });
  EXPECT_THAT(values(fun({array(1.0f)})[0]), ElementsAre(100'001));
}

}  // namespace
}  // namespace mlx::core
