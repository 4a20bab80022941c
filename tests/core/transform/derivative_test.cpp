// Every differentiable operation against finite differences.
//
// For a row's function f and fixed weights w and v:
//   vjp      the gradient of <w, f(x)> equals its central differences,
//   jvp      <w, J v> equals <J^T w, v>,
//   second   the gradient of <v, grad <w, f>> equals its central differences.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/transform/derivative_rows.h"
#include "core/transform/directions.h"
#include "core/transform/ops_of.h"
#include "mlx/core/ops/elementwise_ops.h"

namespace mlx::core {
namespace {

/// <w, f(x)>.
Scalar weighted(const DerivativeRow& row) {
  return [fun = row.fun](const Arrays& x) {
    const array y = fun(x);
    return inner_product({y}, {spread(y.shape(), 0.5, 1.5, 9)});
  };
}

/// <v, grad f(x)>.
Scalar directional(const Scalar& f) {
  return
      [f](const Arrays& x) { return inner_product(grad(f, all_argnums(x))(x), directions(x, 4)); };
}

/// x with element `at` of input `arg` moved by `delta`.
Arrays moved(Arrays x, size_t arg, size_t at, double delta) {
  std::vector<double> numbers = values(x[arg]);
  numbers[at] += delta;
  x[arg] = array(numbers.data(), x[arg].shape(), float64);
  return x;
}

void expect_gradient(const Scalar& f, const DerivativeRow& row, const char* what) {
  const Arrays gradient = grad(f, all_argnums(row.inputs))(row.inputs);
  for (size_t arg = 0; arg < row.inputs.size(); ++arg) {
    ASSERT_EQ(gradient[arg].shape(), row.inputs[arg].shape());
    ASSERT_EQ(gradient[arg].dtype(), float64);
    const std::vector<double> got = values(gradient[arg]);
    for (size_t at = 0; at < got.size(); ++at) {
      const double above = f(moved(row.inputs, arg, at, row.step)).item<double>();
      const double below = f(moved(row.inputs, arg, at, -row.step)).item<double>();
      const double expected = (above - below) / (2 * row.step);
      EXPECT_NEAR(got[at], expected, row.tolerance * std::max(1.0, std::abs(expected)))
          << what << ": input " << arg << ", element " << at;
    }
  }
}

class Derivative : public testing::TestWithParam<DerivativeRow> {};

TEST_P(Derivative, AgreesWithDifferences) {
  const DerivativeRow& row = GetParam();
  const Scalar f = weighted(row);
  expect_gradient(f, row, "gradient");
  if (row.smooth) {
    expect_gradient(directional(f), row, "second derivative");
  }
}

TEST_P(Derivative, ForwardAgreesWithBackward) {
  const DerivativeRow& row = GetParam();
  const auto fun = [&](const Arrays& x) { return Arrays{row.fun(x)}; };
  const Arrays v = directions(row.inputs, 4);
  const auto [outputs, tangents] = jvp(fun, row.inputs, v);
  ASSERT_EQ(tangents[0].shape(), outputs[0].shape());
  ASSERT_EQ(tangents[0].dtype(), outputs[0].dtype());
  const Arrays w{spread(outputs[0].shape(), 0.5, 1.5, 9)};
  const double forward = inner_product(tangents, w).item<double>();
  const double backward = inner_product(vjp(fun, row.inputs, w).second, v).item<double>();
  EXPECT_NEAR(forward, backward, row.tolerance * std::max(1.0, std::abs(backward)));
}

INSTANTIATE_TEST_SUITE_P(Rows, Derivative, testing::ValuesIn(all_derivative_rows()),
                         [](const auto& info) { return info.param.name; });

// ---- completeness

bool has_derivative(Domain domain) {
  switch (domain) {
    case Domain::Test:
    case Domain::Equality:
    case Domain::Compare:
    case Domain::Logical:
    case Domain::Bits:
    case Domain::Shift:
      return false;
    default:
      return true;
  }
}

TEST(DerivativeRows, CoverEveryElementwiseOperation) {
  std::set<const Op*> covered;
  for (const DerivativeRow& row : all_derivative_rows()) {
    std::set<std::uintptr_t> seen;
    collect_ops(row.fun(row.inputs), covered, seen);
  }
  for (int i = 0; i < kOpcodes; ++i) {
    const Op& op = kElementwise[i];
    if (has_derivative(domain_of(static_cast<Opcode>(i)))) {
      EXPECT_TRUE(covered.contains(&op)) << op.name << " has no row in the derivative test";
    }
  }
}

}  // namespace
}  // namespace mlx::core
