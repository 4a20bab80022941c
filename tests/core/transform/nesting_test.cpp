// Transforms of transforms, for every differentiable operation: orders of
// differentiation that must agree, alone, under vmap and compiled. The first
// order is checked against differences in derivative_test.cpp, and so is grad of grad.

#include <gtest/gtest.h>

#include "core/transform/derivative_rows.h"
#include "core/transform/directions.h"
#include "mlx/core/compile.h"
#include "mlx/core/ops/quantized.h"
#include "mlx/core/random.h"

namespace mlx::core {
namespace {

using Fun = std::function<Arrays(const Arrays&)>;

/// <w, f(x)^2>, so that linear operations have a second derivative too.
Scalar weighted_square(const DerivativeRow& row) {
  return [fun = row.fun](const Arrays& x) {
    const array y = fun(x);
    return inner_product({square(y)}, {spread(y.shape(), 0.5, 1.5, 9)});
  };
}

Fun gradient(const Scalar& f) {
  return [f](const Arrays& x) { return grad(f, all_argnums(x))(x); };
}

/// The derivative of f in the directions v, by jvp.
Fun along(const Fun& f, const Arrays& v) {
  return [f, v](const Arrays& x) { return jvp(f, x, v).second; };
}

Scalar first(const Fun& f) {
  return [f](const Arrays& x) { return f(x)[0]; };
}

Fun alone(const Scalar& f) {
  return [f](const Arrays& x) { return Arrays{f(x)}; };
}

void expect_near(const Arrays& got, const Arrays& expected, double tolerance, const char* what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (size_t k = 0; k < got.size(); ++k) {
    ASSERT_EQ(got[k].shape(), expected[k].shape()) << what << ", array " << k;
    const std::vector<double> a = values(got[k]), b = values(expected[k]);
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0, std::abs(b[i])))
          << what << ", array " << k << ", element " << i;
    }
  }
}

/// Products of the second derivative of f with v, in each order of forward and backward.
struct Orders {
  Orders(const Scalar& f, const Arrays& v)
      : backward_backward(
            gradient([f, v](const Arrays& x) { return inner_product(gradient(f)(x), v); })),
        forward_backward(along(gradient(f), v)),
        backward_forward(gradient(first(along(alone(f), v)))),
        forward_forward(along(along(alone(f), v), v)) {}

  Fun backward_backward;
  Fun forward_backward;
  Fun backward_forward;
  /// Also times v.
  Fun forward_forward;
};

class Nesting : public testing::TestWithParam<DerivativeRow> {
 protected:
  const DerivativeRow& row() const { return GetParam(); }
  const Arrays& x() const { return row().inputs; }
  Scalar f() const { return weighted_square(row()); }
  Arrays v() const { return directions(x(), 5); }
  double tolerance() const { return 10 * row().tolerance; }
};

TEST_P(Nesting, OrdersOfDifferentiationAgree) {
  const Orders orders(f(), v());
  const Arrays expected = orders.backward_backward(x());
  expect_near(orders.forward_backward(x()), expected, tolerance(), "jvp of grad");
  expect_near(orders.backward_forward(x()), expected, tolerance(), "grad of jvp");
  expect_near(orders.forward_forward(x()), {inner_product(expected, v())}, tolerance(),
              "jvp of jvp");
}

TEST_P(Nesting, CompiledDerivativesAreTheSame) {
  const Orders orders(f(), v());
  const Arrays expected = orders.backward_backward(x());
  expect_near(compile(gradient(f()))(x()), gradient(f())(x()), tolerance(), "grad");
  expect_near(compile(orders.backward_backward)(x()), expected, tolerance(), "grad of grad");
  expect_near(compile(orders.forward_backward)(x()), expected, tolerance(), "jvp of grad");
  expect_near(compile(orders.backward_forward)(x()), expected, tolerance(), "grad of jvp");
  const Orders inside(first(compile(alone(f()))), v());
  expect_near(inside.forward_backward(x()), expected, tolerance(), "jvp of grad of compiled");
}

// As a Hessian is computed: all directions at once, from both sides.
TEST_P(Nesting, MapsOverDirections) {
  constexpr ShapeElem kDirections = 3;
  Arrays all;
  for (const array& input : x()) {
    Shape shape = input.shape();
    shape.insert(shape.begin(), kDirections);
    all.push_back(spread(shape, -1, 1, 3));
  }
  const auto product = [this](bool forward) {
    return [this, forward](const Arrays& direction) {
      const Orders orders(f(), direction);
      return forward ? orders.forward_backward(x()) : orders.backward_backward(x());
    };
  };
  Arrays expected;
  for (ShapeElem i = 0; i < kDirections; ++i) {
    Arrays one;
    for (const array& whole : all) one.push_back(take(whole, static_cast<int>(i), 0));
    const Arrays column = product(false)(one);
    for (size_t k = 0; k < column.size(); ++k) {
      const array part = expand_dims(column[k], 0);
      i == 0 ? expected.push_back(part) : void(expected[k] = concatenate({expected[k], part}, 0));
    }
  }
  const std::vector<int> axes(all.size(), 0);
  for (bool forward : {true, false}) {
    expect_near(vmap(product(forward), axes)(all), expected, tolerance(), "vmap");
    expect_near(compile(vmap(product(forward), axes))(all), expected, tolerance(), "compiled vmap");
  }
}

// Bits and codes do not change with small changes of what they are made from.
TEST(Zeros, FlowThroughBitsAndCodes) {
  const auto drawn = [](const Arrays& in) {
    return Arrays{random::uniform({3}, float32, in[0]) * in[1]};
  };
  const Arrays draws = vjp(drawn, {random::key(1), ones({3})}, {ones({3})}).second;
  EXPECT_EQ(values(draws[0]), values(zeros({2})));
  EXPECT_EQ(values(draws[1]), values(random::uniform({3}, float32, random::key(1))));
  const auto coded = [](const array& x) { return sum(from_fp8(to_fp8(x), float32) + x); };
  EXPECT_EQ(values(grad(coded)(ones({2}))), values(ones({2})));
}

INSTANTIATE_TEST_SUITE_P(Rows, Nesting, testing::ValuesIn(all_derivative_rows()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace mlx::core
