// Hierarchical: as many ranks of each host as the smallest host has own one
// chunk each. They reduce it within their host, then with the owners of the
// same chunk on the other hosts, and then give it to all ranks of their host.
// So every byte crosses between hosts as rarely as if each host were one rank.

#include <vector>

#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/algorithms/chunks.h"

namespace mlx::core::distributed::hierarchical {
namespace {

// The chunks of a host's ranks; who is no owner has an empty one.
std::vector<size_t> parts_of_host(const Collective& c, int owners, int ranks) {
  std::vector<size_t> parts = Chunks(c.in.size(), c.dtype.size(), owners).parts();
  parts.resize(static_cast<size_t>(ranks));
  return parts;
}

// Between the owners of one chunk, in the wide type.
void reduce_across(Team& x, const Collective& c, int chunk, std::span<std::byte> values) {
  constexpr size_t kSmallBytes = 16 * 1024;
  const Hosts& hosts = x.exchange().hosts();
  std::vector<int> owners;
  for (int host = 0; host < hosts.count(); ++host) {
    owners.push_back(hosts.members(host)[static_cast<size_t>(chunk)]);
  }
  Collective across = c;
  if (reduce_into(c.dtype, c.reduction).widens()) across.dtype = float32;
  across.in = values;
  across.out = values;
  Team team(x.exchange(), owners);
  values.size() <= kSmallBytes ? doubling::all_reduce(team, across)
                               : ring::all_reduce(team, across);
}

}  // namespace

void all_reduce(Team& x, const Collective& c) {
  const Hosts& hosts = x.exchange().hosts();
  const std::vector<int>& members = hosts.members(hosts.of(x.rank()));
  Team local(x.exchange(), members);
  const std::vector<size_t> parts = parts_of_host(c, hosts.fewest(), local.size());
  const auto mine = Chunks(parts).of(c.out, local.rank());
  const Reducer& reducer = reduce_into(c.dtype, c.reduction);
  const size_t count = mine.size() / reducer.width;
  const bool beside = reducer.widens() || c.in.data() == c.out.data();
  const auto values = beside ? x.exchange().scratch(count * reducer.wide_width, 1) : mine;

  Collective within = c;
  within.in_parts = parts;
  within.out = values;
  pairwise::reduce_scatter_wide(local, within);
  if (local.rank() < hosts.fewest()) reduce_across(x, c, local.rank(), values);
  if (beside) reducer.narrow(mine.data(), values.data(), count);

  if (local.size() == 1) return;
  Collective gather = c;
  gather.in = mine;
  gather.out_parts = parts;
  ring::all_gather(local, gather);
}

}  // namespace mlx::core::distributed::hierarchical
