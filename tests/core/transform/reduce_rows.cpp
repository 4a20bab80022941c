#include "core/transform/derivative_rows.h"

namespace mlx::core {
namespace {

DerivativeRow reduction(const char* name, const std::function<array(const array&)>& op,
                        bool smooth = true) {
  return {name, {spread({3, 4}, 0.3, 2)}, [op](const Arrays& x) { return op(x[0]); }, smooth};
}

// The same rule for complex numbers, in single precision.
DerivativeRow complex_reduction(const char* name, const std::function<array(const array&)>& op) {
  const auto parts = [op](const Arrays& x) {
    const array w = op(astype(x[0], complex64) + array(complex64_t(0.5f, 1)) * x[1]);
    return astype(real(w), float64) + astype(imag(w), float64) * 0.7;
  };
  return {name, {spread({3}, 0.3, 1), spread({3}, 0.5, 1, 1)}, parts, false, 1e-2, 5e-3};
}

}  // namespace

DerivativeRows reduce_rows() {
  return {
      reduction("Sum", [](const array& x) { return sum(square(x)); }),
      reduction("SumAxis", [](const array& x) { return sum(square(x), 0, true); }),
      reduction("Mean", [](const array& x) { return mean(square(x), 1); }),
      reduction(
          "Median", [](const array& x) { return median(x, 1); }, false),
      reduction("Var", [](const array& x) { return var(x, 1, false, 1); }),
      reduction("Std", [](const array& x) { return std(x, 0); }),
      reduction("Prod", [](const array& x) { return prod(x, 1); }),
      reduction("ProdOfTwoAxes",
                [](const array& x) {
                  return prod(reshape(x, {2, 3, 2}), {0, 2});
                }),
      reduction("ProdWithZero",
                [](const array& x) {
                  return prod(x * array({1.0, 0.0, 2.0, 1.0}, float64), 1);
                }),
      reduction(
          "Max", [](const array& x) { return max(x, 1); }, false),
      reduction(
          "Min", [](const array& x) { return min(x, 0, true); }, false),
      reduction(
          "MaxOfAll", [](const array& x) { return max(x); }, false),
      reduction("Logsumexp", [](const array& x) { return logsumexp(x, 1); }),
      reduction("Softmax", [](const array& x) { return softmax(x, 1); }),
      reduction("SoftmaxOfTwoAxes",
                [](const array& x) {
                  return softmax(x, std::vector<int>{0, 1}, true);
                }),
      reduction("Cumsum", [](const array& x) { return cumsum(square(x), 1); }),
      reduction("CumsumBackwardsExclusive",
                [](const array& x) { return cumsum(square(x), 0, true, false); }),
      reduction("Cumprod", [](const array& x) { return cumprod(x, 1); }),
      reduction("CumprodBackwardsExclusive",
                [](const array& x) { return cumprod(x, 1, true, false); }),
      reduction(
          "Cummax", [](const array& x) { return cummax(x, 1); }, false),
      reduction(
          "Cummin", [](const array& x) { return cummin(x, 0, true); }, false),
      reduction("Logcumsumexp", [](const array& x) { return logcumsumexp(x, 1); }),
      reduction("LogcumsumexpBackwardsExclusive",
                [](const array& x) {
                  // The first results of an exclusive scan are -inf.
                  return exp(logcumsumexp(x, 1, true, false));
                }),
      complex_reduction("ComplexProd", [](const array& z) { return prod(z); }),
      complex_reduction("ComplexCumprod", [](const array& z) { return cumprod(z, 0); }),
      complex_reduction("ComplexLogcumsumexp", [](const array& z) { return logcumsumexp(z, 0); }),
      complex_reduction("ComplexScatterProd",
                        [](const array& z) {
                          return scatter_prod(slice(z, {0}, {2}), array({1, 1}, int32),
                                              reshape(slice(z, {1}, {3}), {2, 1}), 0);
                        }),
      reduction(
          "Sort", [](const array& x) { return sort(x, 1); }, false),
      reduction(
          "SortOfAxis", [](const array& x) { return square(sort(x, 0)); }, false),
      reduction(
          "Partition", [](const array& x) { return sort(partition(x, 1, 1), 1); }, false),
      reduction(
          "Topk", [](const array& x) { return sort(topk(x, 2, 1), 1); }, false),
  };
}

}  // namespace mlx::core
