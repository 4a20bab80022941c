#include "mlx/launch/config/order.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mlx::launch::config {
namespace {

int level(const Levels& levels, int a, int b) {
  return levels[static_cast<size_t>(a)][static_cast<size_t>(b)];
}

// Tries orders in lexicographic order, so that of equals the first is kept, and
// leaves those out that already are slower than the best.
class Exhaustive {
 public:
  explicit Exhaustive(const Levels& levels) : levels_(levels), order_(levels.size()) {
    std::iota(order_.begin(), order_.end(), 0);
    best_ = order_;
    worth_ = worth_of(levels_, best_);
  }

  std::vector<int> run() {
    if (order_.size() > 2) extend(1);
    return best_;
  }

 private:
  void extend(size_t at) {
    if (at == order_.size()) {
      const RingWorth worth = worth_of(levels_, order_);
      if (worth > worth_) worth_ = worth, best_ = order_;
      return;
    }
    for (size_t i = at; i < order_.size(); ++i) {
      // A rotation instead of a swap keeps the rest sorted.
      const auto rest = order_.begin() + static_cast<std::ptrdiff_t>(at);
      const auto chosen = order_.begin() + static_cast<std::ptrdiff_t>(i);
      std::rotate(rest, chosen, chosen + 1);
      if (level(levels_, order_[at - 1], order_[at]) >= worth_.slowest) extend(at + 1);
      std::rotate(rest, rest + 1, chosen + 1);
    }
  }

  const Levels& levels_;
  std::vector<int> order_, best_;
  RingWorth worth_;
};

// From each host to the best that is left.
std::vector<int> greedy(const Levels& levels) {
  std::vector<int> order(levels.size());
  std::iota(order.begin(), order.end(), 0);
  for (size_t at = 1; at < order.size(); ++at) {
    const auto rest = order.begin() + static_cast<std::ptrdiff_t>(at);
    const auto best = std::max_element(rest, order.end(), [&](int a, int b) {
      return level(levels, order[at - 1], a) < level(levels, order[at - 1], b);
    });
    std::rotate(rest, best, best + 1);
  }
  return order;
}

// Turns parts of the ring round as long as that makes it better ("2-opt").
std::vector<int> improved(const Levels& levels, std::vector<int> order) {
  RingWorth worth = worth_of(levels, order);
  for (bool better = true; better;) {
    better = false;
    for (auto from = order.begin() + 1; from != order.end(); ++from) {
      for (auto to = from + 1; to != order.end(); ++to) {
        std::reverse(from, to + 1);
        const RingWorth turned = worth_of(levels, order);
        if (turned > worth) {
          worth = turned;
          better = true;
        } else {
          std::reverse(from, to + 1);
        }
      }
    }
  }
  return order;
}

}  // namespace

int level_of(double rate) {
  return rate <= 0 ? kNoLink : static_cast<int>(std::lround(std::log(rate) / std::log(1.1)));
}

RingWorth worth_of(const Levels& levels, const std::vector<int>& order) {
  RingWorth worth;
  if (order.size() < 2) return worth;
  const size_t links = order.size() == 2 ? 1 : order.size();
  worth.slowest = level(levels, order[0], order[1]);
  for (size_t i = 0; i < links; ++i) {
    const int one = level(levels, order[i], order[(i + 1) % order.size()]);
    worth.slowest = std::min(worth.slowest, one);
    worth.sum += one;
  }
  return worth;
}

std::vector<int> best_ring(const Levels& levels) {
  if (levels.size() <= kExactHosts) return Exhaustive(levels).run();
  std::vector<int> given(levels.size());
  std::iota(given.begin(), given.end(), 0);
  const auto a = improved(levels, given), b = improved(levels, greedy(levels));
  return worth_of(levels, b) > worth_of(levels, a) ? b : a;
}

}  // namespace mlx::launch::config
