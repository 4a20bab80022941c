// What vmap promises beside the values, which vmap_loop_test.cpp checks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transform/custom_rules.h"
#include "core/transform/values.h"
#include "mlx/core/compile.h"
#include "mlx/core/primitives.h"

namespace mlx::core {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;
using Arrays = std::vector<array>;
using Fun = std::function<Arrays(const Arrays&)>;

array twice(const array& x) { return x + x; }
array same(const array& x) { return x; }

TEST(VmapFunction, MovesTheMappedAxis) {
  const array x = spread({2, 3, 4}, -1, 1);
  EXPECT_EQ(vmap(twice)(x).shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(vmap(twice, 1)(x).shape(), (Shape{3, 2, 4}));
  EXPECT_EQ(vmap(twice, 1, 2)(x).shape(), (Shape{2, 4, 3}));
  EXPECT_EQ(vmap(same, 2, 0)(x).shape(), (Shape{4, 2, 3}));
  EXPECT_EQ(values(vmap(same, 2, 0)(x)), values(moveaxis(x, 2, 0)));
}

TEST(VmapFunction, MapsTheSecondArgumentOnly) {
  const auto scale = [](const array& a, const array& b) { return a * b; };
  const array out = vmap(scale, -1, 0)(array({1.0f, 2.0f}), array({3.0f, 5.0f}));
  EXPECT_EQ(out.shape(), (Shape{2, 2}));
  EXPECT_THAT(values(out), ElementsAre(3, 6, 5, 10));
  EXPECT_THAT(values(vmap(scale)(array({1.0f, 2.0f}), array({3.0f, 5.0f}))), ElementsAre(3, 10));
}

TEST(VmapFunction, RepeatsWhatDoesNotDepend) {
  const array shared({7.0f, 8.0f});
  const auto fun = [&](const Arrays& in) { return Arrays{exp(shared), in[1], in[0]}; };
  const Arrays out = vmap(fun, {0, -1}, {0, 1, 0})({zeros({3}), array({1.0f, 2.0f})});
  EXPECT_EQ(out[0].shape(), (Shape{3, 2}));
  EXPECT_EQ(values(out[0]), values(broadcast_to(exp(shared), {3, 2})));
  EXPECT_THAT(values(out[1]), ElementsAre(1, 1, 1, 2, 2, 2));
  EXPECT_EQ(out[2].shape(), Shape{3});
}

TEST(VmapFunction, CallsTheFunctionOnceWithoutTheAxis) {
  int calls = 0;
  const auto fun = [&](const array& x) {
    ++calls;
    EXPECT_EQ(x.shape(), Shape{4});
    EXPECT_TRUE(x.is_tracer());
    return x;
  };
  EXPECT_FALSE(vmap(fun, 1)(zeros({4, 5})).is_tracer());
  EXPECT_EQ(calls, 1);
}

TEST(VmapFunction, DeepGraphsDoNotOverflowTheStack) {
  const auto fun = [](const array& x) {
    array y = x;
    for (int i = 0; i < 100'000; ++i) {
      y = y + x;
    }
    return y;
  };
  EXPECT_THAT(values(vmap(fun)(array({1.0f, 2.0f}))), ElementsAre(100'001, 200'002));
}

TEST(VmapFunction, NullaryResultsAreFine) {
  EXPECT_TRUE(vmap([](const Arrays&) { return Arrays{}; })({zeros({3})}).empty());
}

// ---- composition

TEST(VmapFunction, SeesTracersOfOuterTransforms) {
  const array x({1.0f, 2.0f, 3.0f});
  // d/dw sum_i (w x_i)^2 = 2 w sum x_i^2
  const auto loss = [&](const array& w) {
    return sum(vmap([&](const array& e) { return square(w * e); })(x));
  };
  EXPECT_THAT(values(grad(loss)(array(2.0f))), ElementsAre(56));
  // The inner function captures the outer one's element.
  const auto table = [&](const array& a) { return vmap([&](const array& b) { return a * b; })(x); };
  EXPECT_THAT(values(vmap(table)(array({1.0f, 10.0f}))), ElementsAre(1, 2, 3, 10, 20, 30));
}

TEST(VmapFunction, MakesJacobiansAndHessians) {
  const array x({1.0f, 2.0f});
  const auto fun = [](const array& v) { return v * sum(v); };
  const auto row = [&](const array& v) { return vjp(fun, x, v).second; };
  EXPECT_THAT(values(vmap(row)(eye(2))), ElementsAre(4, 1, 2, 5));
  const auto column = [&](const array& v) { return jvp(fun, x, v).second; };
  EXPECT_THAT(values(vmap(column, 0, 1)(eye(2))), ElementsAre(4, 1, 2, 5));
  const auto cubes = [](const array& v) { return sum(v * v * v); };
  const auto hessian_row = [&](const array& v) { return vjp(grad(cubes), x, v).second; };
  EXPECT_THAT(values(vmap(hessian_row)(eye(2))), ElementsAre(6, 0, 0, 12));
}

TEST(VmapFunction, ComposesWithCompile) {
  const auto fun = [](const Arrays& in) { return Arrays{exp(in[0]) * sum(in[0])}; };
  const array x = spread({3, 4}, -1, 1);
  const std::vector<double> expected = values(vmap(fun)({x})[0]);
  EXPECT_EQ(values(compile(Fun(vmap(fun)))({x})[0]), expected);
  EXPECT_EQ(values(vmap(compile(Fun(fun)))({x})[0]), expected);
}

TEST(VmapFunction, FollowsTheShapesOfAShapelessFunction) {
  const auto centered = [](const Arrays& in) {
    return Arrays{flatten(squeeze(expand_dims(in[0], 0), 0) - mean(in[0]))};
  };
  const Fun fun = compile(Fun(vmap(centered)), /*shapeless=*/true);
  for (const Shape& shape : {Shape{2, 3, 1}, Shape{4, 1, 5}}) {
    const array x = spread(shape, -1, 1);
    EXPECT_EQ(values(fun({x})[0]), values(vmap(centered)({x})[0]));
  }
}

TEST(VmapFunction, KeepsTheStream) {
  const Stream stream = new_stream(Device::cpu);
  const array out = vmap([&](const array& x) { return exp(x, stream); })(zeros({2}));
  EXPECT_EQ(out.primitive().stream(), stream);
}

// ---- functions with rules of their own

TEST(VmapCustomFunction, MapsTheDerivativesRules) {
  const array x({1.0f, 2.0f});
  const array y(3.0f);
  const Fun mapped = vmap(custom_function(multiplied, doubled_vjp, tenfold_jvp), {0, -1});
  EXPECT_THAT(values(mapped({x, y})[0]), ElementsAre(3, 6));
  const Arrays pulled = vjp(mapped, {x, y}, {array({1.0f, 10.0f})}).second;
  EXPECT_THAT(values(pulled[0]), ElementsAre(6, 60));
  EXPECT_THAT(values(pulled[1]), ElementsAre(2 * (1 * 1 + 10 * 2)));
  const Arrays pushed = jvp(mapped, {x, y}, {array({1.0f, 1.0f}), array(1.0f)}).second;
  EXPECT_THAT(values(pushed[0]), ElementsAre(10 * (3 + 1), 10 * (3 + 2)));
  const auto in_y = [&](const array& b) { return mapped({x, b})[0]; };
  EXPECT_THAT(values(jvp(in_y, y, array(1.0f)).second), ElementsAre(10, 20));
}

TEST(VmapCustomFunction, MapsInputsAtAnyAxisAndTwice) {
  const array x = spread({2, 3}, 1, 2, 0, float32);
  const array y = spread({3, 2}, 1, 2, 1, float32);
  const Fun custom = custom_vjp(multiplied, doubled_vjp);
  const auto total = [](const Fun& fun) {
    return grad([fun](const Arrays& in) { return sum(fun(in)[0]); }, {0, 1});
  };
  const Arrays twice_true = total(custom)({x, transpose(y)});
  const Arrays once = total(vmap(custom, {1, 0}))({x, y});
  EXPECT_EQ(values(once[0]), values(twice_true[0]));
  EXPECT_EQ(values(transpose(once[1])), values(twice_true[1]));
  const Arrays nested = total(vmap(vmap(custom), {0, 1}))({x, y});
  EXPECT_EQ(values(nested[0]), values(twice_true[0]));
  EXPECT_EQ(values(transpose(nested[1])), values(twice_true[1]));
}

TEST(VmapCustomFunction, TakesTheRuleThatIsGiven) {
  std::vector<int> seen;
  const auto rule = [&](const Arrays& in, const std::vector<int>& axes) {
    seen = axes;
    return std::pair(Arrays{in[0] * in[1] * 100.0f}, std::vector<int>{axes[0]});
  };
  const Fun custom = custom_function(multiplied, std::nullopt, std::nullopt, rule);
  const Fun mapped = vmap(custom, {1, -1}, {1});
  const array x({1.0f, 2.0f, 3.0f}, Shape{1, 3});
  EXPECT_THAT(values(custom({x, array(2.0f)})[0]), ElementsAre(2, 4, 6));
  EXPECT_THAT(values(mapped({x, array(2.0f)})[0]), ElementsAre(200, 400, 600));
  EXPECT_THAT(seen, ElementsAre(1, -1));
  // Its derivative is that of the rule.
  const auto of_x = [&](const array& a) { return sum(mapped({a, array(2.0f)})[0]); };
  EXPECT_THAT(values(grad(of_x)(x)), ElementsAre(200, 200, 200));
}

TEST(VmapCustomFunction, CheckpointGivesTheSameGradients) {
  const auto fun = [](const Arrays& in) { return Arrays{tanh(in[0] * in[1]) * in[0]}; };
  const Arrays in{spread({3, 2}, -1, 1), spread({2}, -1, 1, 1)};
  const auto total = [](const Fun& f) {
    return grad([f](const Arrays& x) { return sum(square(vmap(f, {0, -1})(x)[0])); }, {0, 1});
  };
  const Arrays expected = total(fun)(in);
  const Arrays got = total(checkpoint(fun))(in);
  EXPECT_EQ(values(got[0]), values(expected[0]));
  EXPECT_EQ(values(got[1]), values(expected[1]));
}

// ---- primitives of the user's

class Halved : public Primitive {
 public:
  using Primitive::Primitive;
  void eval_cpu(const Arrays& inputs, Arrays& outputs) override {
    outputs[0].set_data(allocator::malloc(outputs[0].nbytes()));
    for (size_t i = 0; i < inputs[0].size(); ++i) {
      outputs[0].data<float>()[i] = inputs[0].data<float>()[i] / 2;
    }
  }
  const char* name() const override { return "Halved"; }
};

class MappedHalved final : public Halved {
 public:
  using Halved::Halved;
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs,
                                           const std::vector<int>& axes) override {
    const array& x = inputs[0];
    return {{array(x.shape(), x.dtype(), std::make_shared<MappedHalved>(stream()), {x})}, axes};
  }
};

template <typename P>
array halve(const array& x) {
  const Stream stream = default_stream(Device::cpu);
  return array(x.shape(), x.dtype(), std::make_shared<P>(stream), {x});
}

TEST(VmapPrimitive, TakesItsRule) {
  const array x({2.0f, 4.0f, 6.0f}, Shape{3, 1});
  EXPECT_THAT(values(vmap(halve<MappedHalved>)(x)), ElementsAre(1, 2, 3));
  EXPECT_EQ(vmap(halve<MappedHalved>)(x).shape(), (Shape{3, 1}));
}

TEST(VmapPrimitive, WithoutARuleIsAnErrorThatNamesIt) {
  EXPECT_THAT(
      [] {
        vmap(halve<Halved>)(zeros({3, 2}));
      },
      ThrowsMessage<std::invalid_argument>(
          AllOf(StartsWith("[vmap] "), HasSubstr("Halved"), HasSubstr("no rule"))));
}

TEST(VmapCustomFunction, NeedsNoRulesInsideWhereOneIsGiven) {
  const auto halved = [](const Arrays& in) { return Arrays{halve<Halved>(in[0])}; };
  const auto rule = [&](const Arrays& in, const std::vector<int>& axes) {
    return std::pair(halved(in), axes);
  };
  const Fun fun = custom_function(halved, std::nullopt, std::nullopt, rule);
  EXPECT_THAT(values(vmap(fun)({array({2.0f, 4.0f})})[0]), ElementsAre(1, 2));
}

// ---- errors

struct BadCall {
  const char* name;
  std::function<void()> call;
  const char* message;
};
void PrintTo(const BadCall& bad, std::ostream* os) { *os << bad.name; }

class VmapErrors : public testing::TestWithParam<BadCall> {};

TEST_P(VmapErrors, AreTypedAndSayWhatIsWrong) {
  EXPECT_THAT(GetParam().call, ThrowsMessage<std::invalid_argument>(
                                   AllOf(StartsWith("["), HasSubstr(GetParam().message))));
}

array vector3() { return zeros({3}); }
array sum_of(const array& a, const array& b) { return a + b; }
Arrays both(const Arrays& in) { return in; }

INSTANTIATE_TEST_SUITE_P(
    Calls, VmapErrors,
    testing::Values(
        BadCall{"AxisTooLarge", [] { vmap(same, 1)(vector3()); }, "Axis of input 0: got 1"},
        BadCall{"AxisTooSmall", [] { vmap(same, -2)(vector3()); }, "Axis of input 0: got -2"},
        BadCall{"Scalar", [] { vmap(same)(array(1.0f)); }, "Axis of input 0: got 0 for shape ()"},
        BadCall{"OutputAxisTooLarge", [] { vmap(same, 0, 1)(vector3()); },
                "Axis of output 0: got 1"},
        BadCall{"OutputAxisNegative", [] { vmap(same, 0, -1)(vector3()); },
                "Axis of output 0: got -1"},
        BadCall{"SizesDiffer", [] { vmap(sum_of)(vector3(), zeros({2})); },
                "differ in size: got 3 and 2"},
        BadCall{"NothingMapped", [] { vmap(sum_of, -1, -1)(vector3(), vector3()); },
                "No input is mapped"},
        BadCall{"NoInputs", [] { vmap(both)({}); }, "No input is mapped"},
        BadCall{"TooFewInputAxes",
                [] {
                  vmap(both, {0})({vector3(), vector3()});
                },
                "got 1, expected one for each of 2 inputs"},
        BadCall{"TooManyOutputAxes",
                [] {
                  vmap(both, {0}, {0, 0})({vector3()});
                },
                "got 2, expected one for each of 1 outputs"},
        BadCall{"Item", [] { vmap([](const array& x) { return x * x.item<float>(); })(vector3()); },
                "vmap"},
        BadCall{"Eval",
                [] {
                  vmap([](const array& x) {
                    array y = x + array(1.0f);
                    y.eval();
                    return y;
                  })(vector3());
                },
                "vmap"}),
    [](const auto& info) { return info.param.name; });

TEST(VmapFunction, ErrorsOfOperationsLeaveNothingBehind) {
  EXPECT_THROW(vmap([](const array& x) { return reshape(x, {5}); })(zeros({3, 2})),
               std::invalid_argument);
  EXPECT_FALSE(vmap(same)(vector3()).is_tracer());
}

}  // namespace
}  // namespace mlx::core
