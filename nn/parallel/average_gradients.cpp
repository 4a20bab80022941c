#include "mlx/nn/parallel/average_gradients.h"

#include <algorithm>
#include <map>
#include <vector>

#include "mlx/core/graph/node.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/shape.h"
#include "mlx/distributed/ops.h"

namespace mlx::nn {

using core::array;
using core::Shape;
using core::StreamOrDevice;
using core::distributed::Group;

namespace {

/// Positions of leaves that are reduced together.
using Bucket = std::vector<size_t>;

/// The gradients of the last layers are the first that the backward pass
/// makes. Nodes are numbered as they are made, and the same on every rank.
std::vector<size_t> by_readiness(const std::vector<array>& leaves) {
  std::vector<size_t> order(leaves.size());
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return leaves[a].node()->sequence < leaves[b].node()->sequence;
  });
  return order;
}

std::vector<Bucket> make_buckets(const std::vector<array>& leaves, int64_t bucket_bytes) {
  struct Open {
    Bucket bucket;
    int64_t bytes = 0;
  };
  std::map<core::Dtype::Val, Open> open;
  std::vector<Bucket> buckets;
  for (size_t i : by_readiness(leaves)) {
    Open& current = open[leaves[i].dtype().val()];
    current.bucket.push_back(i);
    current.bytes += static_cast<int64_t>(leaves[i].nbytes());
    if (current.bytes >= bucket_bytes) {
      buckets.push_back(std::move(current.bucket));
      current = {};
    }
  }
  for (auto& [dtype, rest] : open) {
    if (!rest.bucket.empty()) {
      buckets.push_back(std::move(rest.bucket));
    }
  }
  return buckets;
}

array mean_over_ranks(const array& x, const Group& group, StreamOrDevice stream) {
  // A division: 1/ranks is not exact in bfloat16.
  return core::distributed::all_sum(x, group, stream) / array(group.size(), x.dtype());
}

/// Replaces the leaves of one bucket by their means.
void average_bucket(std::vector<array>& leaves, const Bucket& bucket, const Group& group,
                    StreamOrDevice stream) {
  if (bucket.size() == 1) {
    array& leaf = leaves[bucket.front()];
    leaf = mean_over_ranks(leaf, group, stream);
    return;
  }
  std::vector<array> flat;
  Shape ends;
  int64_t end = 0;
  for (size_t i : bucket) {
    flat.push_back(core::reshape(leaves[i], {-1}));
    ends.push_back(end += static_cast<int64_t>(leaves[i].size()));
  }
  ends.pop_back();
  const array means = mean_over_ranks(core::concatenate(std::move(flat), 0), group, stream);
  const std::vector<array> parts = core::split(means, ends, 0);
  for (size_t i = 0; i < bucket.size(); ++i) {
    array& leaf = leaves[bucket[i]];
    leaf = core::reshape(parts[i], leaf.shape());
  }
}

}  // namespace

core::Tree average_gradients(const core::Tree& gradients, const std::optional<Group>& group,
                             int64_t all_reduce_size, StreamOrDevice communication_stream) {
  const Group ranks = group ? *group : core::distributed::init();
  if (ranks.size() == 1) {
    return gradients;
  }
  auto named = gradients.flatten();
  std::vector<array> leaves;
  for (const auto& [path, leaf] : named) {
    leaves.push_back(leaf);
  }
  for (const Bucket& bucket : make_buckets(leaves, all_reduce_size)) {
    average_bucket(leaves, bucket, ranks, communication_stream);
  }
  for (size_t i = 0; i < named.size(); ++i) {
    named[i].second = leaves[i];
  }
  return core::Tree::unflatten(named);
}

}  // namespace mlx::nn
