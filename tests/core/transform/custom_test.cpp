#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/transform/custom_rules.h"
#include "core/transform/values.h"
#include "mlx/core/memory.h"

namespace mlx::core {
namespace {

using testing::ElementsAre;
using Arrays = std::vector<array>;

array first_of(const std::function<Arrays(const Arrays&)>& fun, const Arrays& in) {
  return fun(in)[0];
}

TEST(CustomFunction, TakesTheGivenRules) {
  const auto fun = custom_function(multiplied, doubled_vjp, tenfold_jvp);
  const Arrays in{array(3.0f), array(5.0f)};
  EXPECT_THAT(values(fun(in)[0]), ElementsAre(15));
  const auto grads = vjp(fun, in, {array(1.0f)}).second;
  EXPECT_THAT(values(grads[0]), ElementsAre(10));
  EXPECT_THAT(values(grads[1]), ElementsAre(6));
  EXPECT_THAT(values(jvp(fun, in, {array(1.0f), array(0.0f)}).second[0]), ElementsAre(50));
}

TEST(CustomFunction, TellsTheJvpWhichArgumentsMove) {
  const auto fun = custom_function(multiplied, std::nullopt, tenfold_jvp);
  const auto of_second = [&](const array& y) { return first_of(fun, {array(3.0f), y}); };
  EXPECT_THAT(values(jvp(of_second, array(5.0f), array(1.0f)).second), ElementsAre(30));
}

TEST(CustomFunction, DerivesARuleThatIsMissing) {
  const Arrays in{array(3.0f), array(5.0f)};
  const auto with_vjp = custom_function(multiplied, doubled_vjp);
  EXPECT_THAT(values(jvp(with_vjp, in, {array(1.0f), array(0.0f)}).second[0]), ElementsAre(5));
  const auto with_jvp = custom_function(multiplied, std::nullopt, tenfold_jvp);
  EXPECT_THAT(values(vjp(with_jvp, in, {array(1.0f)}).second[0]), ElementsAre(5));
  const auto plain = custom_function(multiplied);
  EXPECT_THAT(values(vjp(plain, in, {array(1.0f)}).second[1]), ElementsAre(3));
}

TEST(CustomFunction, PassesOutputsAndEveryCotangent) {
  const auto two = [](const Arrays& in) { return Arrays{in[0] * 2.0f, exp(in[0])}; };
  const auto rule = [](const Arrays&, const Arrays& cotangents, const Arrays& outputs) {
    return Arrays{cotangents[0] * 2.0f + cotangents[1] * outputs[1]};
  };
  const auto fun = custom_vjp(two, rule);
  const auto of_first = [&](const array& x) { return fun({x})[0]; };
  const auto of_second = [&](const array& x) { return fun({x})[1]; };
  EXPECT_THAT(values(grad(of_first)(array(0.0f))), ElementsAre(2));
  EXPECT_THAT(values(grad(of_second)(array(0.0f))), ElementsAre(1));
}

TEST(CustomFunction, RulesDifferentiateAgain) {
  const auto fun = custom_vjp([](const Arrays& in) { return Arrays{in[0] * in[0] * in[0]}; },
                              [](const Arrays& in, const Arrays& g, const Arrays&) {
                                return Arrays{g[0] * in[0] * in[0] * 3.0f};
                              });
  const auto first = grad([&](const array& x) { return first_of(fun, {x}); });
  EXPECT_THAT(values(grad(first)(array(2.0f))), ElementsAre(12));
  EXPECT_THAT(values(jvp(first, array(2.0f), array(1.0f)).second), ElementsAre(12));
}

TEST(CustomFunction, CapturedTracersGetNoGradient) {
  const auto outer = [](const array& w) {
    const auto fun = custom_vjp(
        [&](const Arrays& in) { return Arrays{in[0] * w}; },
        [](const Arrays&, const Arrays& g, const Arrays&) { return Arrays{g[0] * 100.0f}; });
    return first_of(fun, {array(2.0f)}) + first_of(fun, {w});
  };
  EXPECT_THAT(values(grad(outer)(array(3.0f))), ElementsAre(100));
}

TEST(CustomFunction, ARuleThatReturnsTheWrongThingIsAnError) {
  const Arrays in{array({3.0f, 4.0f}), array(5.0f)};
  const array g({1.0f, 1.0f});
  const auto too_few = custom_vjp(
      multiplied, [](const Arrays&, const Arrays& c, const Arrays&) { return Arrays{c[0]}; });
  EXPECT_THROW(vjp(too_few, in, {g}), std::invalid_argument);
  const auto bad_shape = custom_vjp(multiplied, [](const Arrays&, const Arrays& c, const Arrays&) {
    return Arrays{c[0], c[0]};
  });
  EXPECT_THROW(vjp(bad_shape, in, {g}), std::invalid_argument);
  const auto bad_tangent = custom_function(
      multiplied, std::nullopt,
      [](const Arrays&, const Arrays&, const std::vector<int>&) { return Arrays{array(1.0f)}; });
  EXPECT_THROW(jvp(bad_tangent, in, in), std::invalid_argument);
}

TEST(Checkpoint, GivesTheSameDerivatives) {
  const auto fun = [](const Arrays& in) {
    return Arrays{sum(tanh(in[0] * in[1]) * in[0]), stop_gradient(in[0])};
  };
  const Arrays in{spread({4}, -1, 1), spread({4}, 0.5, 2, 1)};
  const auto loss = [](const std::function<Arrays(const Arrays&)>& f) {
    return [f](const Arrays& x) { return f(x)[0]; };
  };
  const auto plain = loss(fun);
  const auto recomputed = loss(checkpoint(fun));
  EXPECT_EQ(values(plain(in)), values(recomputed(in)));
  const Arrays expected = grad(plain, {0, 1})(in);
  const Arrays got = grad(recomputed, {0, 1})(in);
  EXPECT_EQ(values(expected[0]), values(got[0]));
  EXPECT_EQ(values(expected[1]), values(got[1]));

  const auto second = [&](const auto& f) {
    return grad([&, f](const array& x) { return sum(grad(f)({x, in[1]})[0]); })(in[0]);
  };
  EXPECT_THAT(values(second(recomputed)),
              testing::Pointwise(testing::DoubleNear(1e-12), values(second(plain))));
}

TEST(Checkpoint, RunsTheFunctionAgainInTheBackwardPass) {
  int calls = 0;
  const auto fun = checkpoint([&](const Arrays& in) {
    ++calls;
    return Arrays{sum(exp(in[0]))};
  });
  const array x({0.0f, 0.0f});
  fun({x});
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(values(grad([&](const array& y) { return fun({y})[0]; })(x)), ElementsAre(1, 1));
  EXPECT_EQ(calls, 3);
}

// Bytes that a gradient needs at most, of 32 layers that each keep one array of `bytes`.
size_t peak_of_gradient(int64_t bytes, bool is_checkpointed) {
  const auto block = [](const Arrays& in) {
    array y = in[0];
    for (int layer = 0; layer < 8; ++layer) {
      y = sin(y);
    }
    return Arrays{y};
  };
  const std::function<Arrays(const Arrays&)> run =
      is_checkpointed ? checkpoint(block) : std::function<Arrays(const Arrays&)>(block);
  const auto fun = [&](const array& x) { return run({run({run({run({x})[0]})[0]})[0]})[0]; };
  array x = full({bytes / 4}, 0.5f);
  array g = ones_like(x);
  eval(x, g);
  reset_peak_memory();
  array gradient = vjp(fun, x, g).second;
  const size_t before = get_active_memory();
  gradient.eval();
  return get_peak_memory() - before;
}

TEST(Checkpoint, KeepsNoIntermediatesUntilTheyAreNeeded) {
  constexpr int64_t kBytes = 1 << 20;
  EXPECT_GE(peak_of_gradient(kBytes, false), size_t{30 * kBytes});
  EXPECT_LE(peak_of_gradient(kBytes, true), size_t{16 * kBytes});
}

// Bytes that the gradient with respect to the weights of 24 layers needs at most. Each layer keeps
// an array of 1 MiB; a block has four layers.
size_t peak_of_weights_gradient(bool is_checkpointed) {
  const auto block = [](const Arrays& in) {
    array y = in[0];
    for (size_t layer = 1; layer < in.size(); ++layer) {
      y = tanh(matmul(y, in[layer]));
    }
    return Arrays{y};
  };
  const std::function<Arrays(const Arrays&)> run =
      is_checkpointed ? checkpoint(block) : std::function<Arrays(const Arrays&)>(block);
  const array x = full({4096, 64}, 0.5f) + 0.0f;
  Arrays weights(24, eye(64) + 0.0f);
  const auto loss = [&](const Arrays& w) {
    array y = x;
    for (size_t i = 0; i < w.size(); i += 4) {
      y = run({y, w[i], w[i + 1], w[i + 2], w[i + 3]})[0];
    }
    return sum(y);
  };
  std::vector<int> argnums(weights.size());
  std::iota(argnums.begin(), argnums.end(), 0);
  eval(x);
  eval(weights);
  reset_peak_memory();
  const size_t before = get_active_memory();
  eval(grad(loss, argnums)(weights));
  return get_peak_memory() - before;
}

// Evaluated in the order of the layers, which is not that of the backward pass.
TEST(Checkpoint, KeepsNoIntermediatesForTheGradientsOfWeights) {
  constexpr size_t kBytes = 1 << 20;
  EXPECT_LE(peak_of_weights_gradient(false), 32 * kBytes);
  EXPECT_LE(peak_of_weights_gradient(true), 16 * kBytes);
}

}  // namespace
}  // namespace mlx::core
