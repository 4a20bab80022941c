#include "distributed/soak/mixture.h"

#include "mlx/core/ops.h"
#include "mlx/core/transforms.h"

namespace mlx::core::distributed::testing {
namespace {

bool is(const array& x, const array& expected) {
  return x.shape() == expected.shape() && all(equal(x, expected)).item<bool>();
}

}  // namespace

// What that rank gives in this step.
array Mixture::filled(int64_t n, int rank) const {
  return full({n}, static_cast<float>(rank + 1 + steps_ % 100));
}

bool Mixture::step() {
  ++steps_;
  // As many sizes between 1 and 16 as between 1024 and 16384; now and then a large one.
  const auto bits = random_() % (random_() % 64 == 0 ? 18 : 12);
  const int64_t n = 1 + static_cast<int64_t>(random_() % (1u << bits));
  const int root = static_cast<int>(random_() % static_cast<unsigned>(group_.size()));
  switch (random_() % 3) {
    case 0:
      return reduction(n, root);
    case 1:
      return distribution(n, root);
    default:
      return message(n, root);
  }
}

bool Mixture::reduction(int64_t n, int root) {
  const int last = group_.size() - 1;
  array sum = filled(n, 0);
  for (int rank = 1; rank <= last; ++rank) sum = sum + filled(n, rank);
  switch (random_() % 5) {
    case 0:
      return is(all_sum(mine(n), group_), sum);
    case 1:
      return is(all_max(mine(n), group_), filled(n, last));
    case 2:
      return is(all_min(mine(n), group_), filled(n, 0));
    case 3:
      return is(sum_scatter(tile(mine(n), {group_.size()}), group_), sum);
    default: {
      const array result = reduce(mine(n), root, group_);
      eval({result});
      return group_.rank() != root || is(result, sum);
    }
  }
}

bool Mixture::distribution(int64_t n, int root) {
  std::vector<array> parts;
  for (int rank = 0; rank < group_.size(); ++rank) parts.push_back(filled(n, rank));
  const array everyones = concatenate(parts, 0);
  switch (random_() % 5) {
    case 0:
      return is(all_gather(mine(n), group_), everyones);
    case 1:
      return is(broadcast(mine(n), root, group_), filled(n, root));
    case 2:
      return is(scatter(everyones, root, group_), mine(n));
    case 3:
      return is(all_to_all(tile(mine(n), {group_.size()}), group_), everyones);
    default: {
      const array result = gather(mine(n), root, group_);
      eval({result});
      return group_.rank() != root || is(result, everyones);
    }
  }
}

// From the root to the rank after it, or a barrier.
bool Mixture::message(int64_t n, int root) {
  const int to = (root + 1) % group_.size();
  const int tag = static_cast<int>(random_() % 3);
  if (random_() % 4 == 0) {
    barrier(group_);
  } else if (group_.rank() == root) {
    eval({send(mine(n), to, tag, group_)});
  } else if (group_.rank() == to) {
    return is(recv({n}, float32, root, tag, group_), filled(n, root));
  }
  return true;
}

}  // namespace mlx::core::distributed::testing
