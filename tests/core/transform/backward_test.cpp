#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transform/values.h"

namespace mlx::core {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;
using Arrays = std::vector<array>;

array cube(const array& x) { return x * x * x; }

TEST(Vjp, ReturnsOutputsAndCotangents) {
  const auto [outputs, cotangents] = vjp(
      [](const Arrays& in) {
        return Arrays{in[0] * in[1], in[0] + in[1]};
      },
      {array({2.0f, 3.0f}), array({5.0f, 7.0f})}, {array({1.0f, 10.0f}), array({100.0f, 1000.0f})});
  EXPECT_THAT(values(outputs[0]), ElementsAre(10, 21));
  EXPECT_THAT(values(outputs[1]), ElementsAre(7, 10));
  EXPECT_THAT(values(cotangents[0]), ElementsAre(105, 1070));
  EXPECT_THAT(values(cotangents[1]), ElementsAre(102, 1030));
}

TEST(Vjp, CastsCotangentsToTheOutputsDtype) {
  const auto [y, cotangent] =
      vjp([](const array& x) { return x * 2.0f; }, array({1.0f, 2.0f}), array({3, 4}, int32));
  EXPECT_EQ(cotangent.dtype(), float32);
  EXPECT_THAT(values(cotangent), ElementsAre(6, 8));
}

TEST(Vjp, CotangentsHaveTheirPrimalsDtype) {
  const auto fun = [](const Arrays& in) { return Arrays{in[0] * in[1]}; };
  const auto [y, cotangents] =
      vjp(fun, {array({1.0f, 2.0f}, float16), array(3.0f)}, {array({1.0f, 1.0f})});
  EXPECT_EQ(y[0].dtype(), float32);
  EXPECT_EQ(cotangents[0].dtype(), float16);
  EXPECT_EQ(cotangents[1].shape(), Shape{});
  EXPECT_THAT(values(cotangents[0]), ElementsAre(3, 3));
  EXPECT_THAT(values(cotangents[1]), ElementsAre(3));
}

TEST(Vjp, StoppedOutputsTakeNoCotangent) {
  const auto fun = [](const Arrays& in) { return Arrays{stop_gradient(in[0]), in[0] * 2.0f}; };
  const array x({1.0f, 2.0f});
  EXPECT_THAT(values(vjp(fun, {x}, {x}).second[0]), ElementsAre(2, 4));
  EXPECT_THROW(vjp(fun, {x}, {x, x}), std::invalid_argument);
}

TEST(Vjp, WrongCotangentsAreAnError) {
  const auto twice = [](const Arrays& in) { return Arrays{in[0] * 2.0f, in[0]}; };
  const array x({1.0f, 2.0f});
  EXPECT_THROW(vjp(twice, {x}, {x}), std::invalid_argument);
  EXPECT_THROW(vjp(twice, {x}, {x, array({1.0f, 2.0f, 3.0f})}), std::invalid_argument);
  EXPECT_THROW(vjp(twice, {x}, {x, array(1.0f)}), std::invalid_argument);
}

TEST(Vjp, AnOperationWithoutDerivativeIsAnErrorOnlyOnThePath) {
  const auto bits = [](const array& x) { return astype(view(x, int32), float32); };
  const array x({1.0f, 2.0f});
  EXPECT_THROW(vjp(bits, x, x), std::invalid_argument);
  EXPECT_THROW(jvp(bits, x, x), std::invalid_argument);
  const auto beside = [&](const array& y) { return y * bits(x) + bits(stop_gradient(y)); };
  EXPECT_NO_THROW(vjp(beside, x, x));
}

TEST(Vjp, AnOutputMayBeAPrimalOrIndependentOfIt) {
  const array c({7.0f});
  const auto fun = [&](const Arrays& in) { return Arrays{in[0], c, in[0]}; };
  const array g({1.0f});
  const auto [outputs, cotangents] = vjp(fun, {array({3.0f}), array({4.0f})}, {g, g, g});
  EXPECT_THAT(values(outputs[0]), ElementsAre(3));
  EXPECT_THAT(values(outputs[1]), ElementsAre(7));
  EXPECT_THAT(values(cotangents[0]), ElementsAre(2));
  EXPECT_THAT(values(cotangents[1]), ElementsAre(0));
}

TEST(Vjp, SumsTheCotangentsOfEveryUse) {
  const auto fun = [](const array& x) { return x * x + sin(x) - x; };
  const auto gradient = values(vjp(fun, array({0.5f}), array({1.0f})).second);
  EXPECT_NEAR(gradient[0], 2 * 0.5 + std::cos(0.5) - 1, 1e-6);
}

TEST(Vjp, OneResultOfSeveralIsEnough) {
  const auto fun = [](const array& x) { return split(x, 3)[1] * 2.0f; };
  const array x({1.0f, 2.0f, 3.0f});
  EXPECT_THAT(values(vjp(fun, x, array({1.0f})).second), ElementsAre(0, 2, 0));
  EXPECT_THAT(values(jvp(fun, x, array({5.0f, 6.0f, 7.0f})).second), ElementsAre(12));
}

TEST(Vjp, NoGradientFlowsThroughTruthValues) {
  const auto relu = [](const array& x) { return sum(where(x > 0.0f, x, array(0.0f))); };
  EXPECT_THAT(values(grad(relu)(array({-1.0f, 2.0f}))), ElementsAre(0, 1));
  const auto count = [](const array& x) { return sum(astype(x > 0.0f, float32)); };
  EXPECT_THAT(values(grad(count)(array({-1.0f, 2.0f}))), ElementsAre(0, 0));
}

TEST(Vjp, NoGradientFlowsThroughIndices) {
  const array x({3.0f, 1.0f, 2.0f});
  const auto ranked = [](const array& a) {
    return sum(take_along_axis(a, argsort(a), 0) * array({1.0f, 2.0f, 3.0f}));
  };
  EXPECT_THAT(values(grad(ranked)(x)), ElementsAre(3, 1, 2));
  EXPECT_THAT(values(jvp(ranked, x, x).second), ElementsAre(14));
  const auto largest = [](const array& a) { return take(a, argmax(a), 0); };
  EXPECT_THAT(values(grad(largest)(x)), ElementsAre(1, 0, 0));
}

TEST(Vjp, GraphsMayBeVeryDeep) {
  constexpr int kDepth = 1'000'000;
  const auto fun = [](const array& x) {
    array y = x;
    for (int i = 0; i < kDepth; ++i) {
      y = y + 1.0f;
    }
    return y;
  };
  EXPECT_THAT(values(vjp(fun, array(2.0f), array(3.0f)).second), ElementsAre(3));
  EXPECT_THAT(values(jvp(fun, array(2.0f), array(3.0f)).second), ElementsAre(3));
}

TEST(Vjp, GraphsOlderThanTheTransformStayAsTheyAre) {
  array w = array({2.0f}) * 3.0f;  // not evaluated
  const auto fun = [&](const array& x) { return sum(x * w); };
  EXPECT_THAT(values(grad(fun)(array({5.0f}))), ElementsAre(6));
  EXPECT_THAT(values(grad(fun)(w)), ElementsAre(6));
  EXPECT_THAT(values(w), ElementsAre(6));
}

TEST(Jvp, ReturnsOutputsAndTangents) {
  const auto [outputs, tangents] = jvp(
      [](const Arrays& in) {
        return Arrays{in[0] * in[1], in[0] + 1.0f, array(4.0f)};
      },
      {array(2.0f), array(5.0f)}, {array(1, int32), array(10.0f)});
  EXPECT_THAT(values(outputs[0]), ElementsAre(10));
  EXPECT_THAT(values(tangents[0]), ElementsAre(25));
  EXPECT_THAT(values(tangents[1]), ElementsAre(1));
  EXPECT_THAT(values(tangents[2]), ElementsAre(0));
}

TEST(Jvp, WrongTangentsAreAnError) {
  const auto fun = [](const Arrays& in) { return in; };
  const array x({1.0f, 2.0f});
  EXPECT_THROW(jvp(fun, {x}, {x, x}), std::invalid_argument);
  EXPECT_THROW(jvp(fun, {x}, {array(1.0f)}), std::invalid_argument);
}

TEST(Jvp, StopGradientHasNoTangent) {
  const auto fun = [](const array& x) { return stop_gradient(x) * x; };
  EXPECT_THAT(values(jvp(fun, array(3.0f), array(10.0f)).second), ElementsAre(30));
}

TEST(Grad, NeedsAScalar) {
  const auto fun = [](const array& x) { return x * 2.0f; };
  EXPECT_THROW(grad(fun)(array({1.0f})), std::invalid_argument);
  EXPECT_THROW(grad(fun)(array({1.0f, 2.0f}, {1, 2})), std::invalid_argument);
  EXPECT_THAT(values(grad(fun)(array(1.0f))), ElementsAre(2));
  const auto nothing = [](const Arrays&) { return Arrays{}; };
  EXPECT_THROW(value_and_grad(nothing)({array(1.0f)}), std::invalid_argument);
}

TEST(Grad, ArgumentNumbersMayBeNegativeButNotTwice) {
  const auto fun = [](const Arrays& in) { return in[0] * in[1] * in[2]; };
  const Arrays in{array(2.0f), array(3.0f), array(5.0f)};
  const Arrays grads = grad(fun, {-1, 0})(in);
  EXPECT_THAT(values(grads[0]), ElementsAre(6));
  EXPECT_THAT(values(grads[1]), ElementsAre(15));
  EXPECT_THAT(values(grad(fun, 1)(in)[0]), ElementsAre(10));
  for (const std::vector<int>& bad :
       {std::vector<int>{0, 0}, {-1, 2}, {3}, {-4}, std::vector<int>{}}) {
    EXPECT_THROW(grad(fun, bad)(in), std::invalid_argument);
  }
}

TEST(Grad, UnusedArgumentsHaveZeros) {
  const auto fun = [](const Arrays& in) { return sum(in[0]); };
  const Arrays grads = grad(fun, {0, 1})({array({1.0f, 2.0f}), array({3.0f, 4.0f}, float16)});
  EXPECT_THAT(values(grads[0]), ElementsAre(1, 1));
  EXPECT_THAT(values(grads[1]), ElementsAre(0, 0));
  EXPECT_EQ(grads[1].dtype(), float16);
}

TEST(ValueAndGrad, DifferentiatesTheFirstOutputOnly) {
  const auto fun = [](const Arrays& in) { return Arrays{in[0] * in[0], in[0] * 100.0f}; };
  const auto [outputs, grads] = value_and_grad(fun)({array(3.0f)});
  EXPECT_THAT(values(outputs[0]), ElementsAre(9));
  EXPECT_THAT(values(outputs[1]), ElementsAre(300));
  EXPECT_THAT(values(grads[0]), ElementsAre(6));
  // A transform around it sees no gradient in the other outputs either.
  const auto outer = [&](const array& x) { return value_and_grad(fun)({x}).first[1]; };
  EXPECT_THAT(values(grad(outer)(array(3.0f))), ElementsAre(0));
}

TEST(ValueAndGrad, SimpleFormsAgree) {
  const auto [value, gradient] = value_and_grad(cube)(array(2.0f));
  EXPECT_THAT(values(value), ElementsAre(8));
  EXPECT_THAT(values(gradient), ElementsAre(12));
  const auto product = [](const Arrays& in) { return in[0] * in[1]; };
  const auto [same, grads] = value_and_grad(product, {0, 1})({array(2.0f), array(3.0f)});
  EXPECT_THAT(values(same), ElementsAre(6));
  EXPECT_THAT(values(grads[0]), ElementsAre(3));
  EXPECT_THAT(values(grads[1]), ElementsAre(2));
  EXPECT_THAT(values(value_and_grad(product, -1)({array(2.0f), array(3.0f)}).second[0]),
              ElementsAre(2));
}

TEST(Nesting, DerivativesOfAnyOrderCompose) {
  const array x(2.0f);
  const array one(1.0f);
  const auto first = [](const array& y) { return grad(cube)(y); };
  const auto second = [&](const array& y) { return grad(first)(y); };
  EXPECT_THAT(values(first(x)), ElementsAre(12));
  EXPECT_THAT(values(second(x)), ElementsAre(12));
  EXPECT_THAT(values(grad(second)(x)), ElementsAre(6));
  EXPECT_THAT(values(jvp(first, x, one).second), ElementsAre(12));
  const auto forward = [&](const array& y) { return jvp(cube, y, one).second; };
  EXPECT_THAT(values(forward(x)), ElementsAre(12));
  EXPECT_THAT(values(grad(forward)(x)), ElementsAre(12));
  EXPECT_THAT(values(jvp(forward, x, one).second), ElementsAre(12));
  const auto backward = [&](const array& y) { return vjp(cube, y, y).second; };  // 3 y^3
  EXPECT_THAT(values(grad(backward)(x)), ElementsAre(36));
  EXPECT_THAT(values(jvp([&](const array& y) { return grad(forward)(y); }, x, one).second),
              ElementsAre(6));
}

TEST(Nesting, AnInnerFunctionMayUseOuterTracers) {
  // f(x) = x * d/dy(x y^2) at y = x, which is 2 x^3.
  const auto fun = [](const array& x) {
    return x * grad([&](const array& y) { return x * y * y; })(x);
  };
  EXPECT_THAT(values(grad(fun)(array(3.0f))), ElementsAre(54));
  EXPECT_THAT(values(jvp(fun, array(3.0f), array(1.0f)).second), ElementsAre(54));
}

TEST(Tracing, EvaluationInsideKeepsTheDerivative) {
  const auto fun = [](const array& x) {
    array y = x * x;
    y.eval();
    // The branch depends on a value, as in a line search.
    return y.item<float>() > 1.0f ? y * x : y;
  };
  EXPECT_THAT(values(grad(fun)(array(2.0f))), ElementsAre(12));
  EXPECT_THAT(values(grad(fun)(array(0.5f))), ElementsAre(1));
  EXPECT_THAT(values(grad([&](const array& x) { return grad(fun)(x); })(array(2.0f))),
              ElementsAre(12));
  EXPECT_THAT(values(jvp(fun, array(2.0f), array(1.0f)).second), ElementsAre(12));
}

TEST(Tracing, EvaluatedOutputsLetGoOfTheirGraph) {
  array inner(0.0f);
  auto [value, gradient] = value_and_grad([&](const array& x) {
    array y = sum(x * x);
    y.eval();
    EXPECT_TRUE(y.has_primitive());
    return y;
  })(array({1.0f, 2.0f}));
  EXPECT_FALSE(value.has_primitive());
  EXPECT_THAT(values(value), ElementsAre(5));
  EXPECT_THAT(values(gradient), ElementsAre(2, 4));
}

TEST(Tracing, TracersShareTheDataOfEvaluatedPrimals) {
  array x({1.0f, 2.0f});
  grad([&](const array& y) {
    EXPECT_TRUE(y.is_tracer());
    EXPECT_EQ(y.data<float>(), x.data<float>());
    return sum(y);
  })(x);
  EXPECT_FALSE(x.is_tracer());
}

TEST(Tracing, AnErrorInTheFunctionPassesThrough) {
  const auto fun = [](const array& x) -> array {
    if (x.ndim() == 0) {
      throw std::runtime_error("mine");
    }
    return sum(x);
  };
  EXPECT_THROW(grad(fun)(array(1.0f)), std::runtime_error);
  EXPECT_THAT(values(grad(fun)(array({1.0f}))), ElementsAre(1));
}

}  // namespace
}  // namespace mlx::core
