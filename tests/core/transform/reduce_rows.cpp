#include "core/transform/derivative_rows.h"

namespace mlx::core {
namespace {

DerivativeRow reduction(const char* name, const std::function<array(const array&)>& op,
                        bool smooth = true) {
  return {name, {spread({3, 4}, 0.3, 2)}, [op](const Arrays& x) { return op(x[0]); }, smooth};
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
