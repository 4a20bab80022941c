#pragma once

// The algorithms, written once over an Exchange. All give bit-identical
// results on all ranks, and round half types once. n = bytes of the
// collective's input, R = ranks, H = hosts.

#include <string_view>

#include "mlx/distributed/algorithms/team.h"
#include "mlx/distributed/collective.h"

namespace mlx::core::distributed {

/// Which algorithm to use; the same on all ranks for the same collective.
/// `wish` (a name, or empty) wins where it can do the operation.
Algorithm choose_algorithm(const Collective& collective, const Hosts& hosts, std::string_view wish);

/// Runs the collective. `exchange` has begun it.
void run_algorithm(Exchange& exchange, const Collective& collective, Algorithm algorithm);

namespace direct {
/// Everyone sends everything to everyone: 1 step, n (R - 1) bytes.
void all_reduce(Team& x, const Collective& c);
void all_gather(Team& x, const Collective& c);
/// The root receives from (sends to) everyone: 1 step, n (R - 1) bytes at the root.
void gather(Team& x, const Collective& c);
void scatter(Team& x, const Collective& c);
}  // namespace direct

namespace doubling {
/// Exchanges with partners at distance 1, 2, 4, ...: log2 R steps of n bytes.
void all_reduce(Team& x, const Collective& c);
/// The smallest all_reduce: nobody leaves before everybody has come.
void barrier(Team& x, const Collective& c);
}  // namespace doubling

namespace ring {
/// 2 (R - 1) steps of n / R bytes, the least that is possible. Rounds at each
/// rank: not for half types over more than two.
void all_reduce(Team& x, const Collective& c);
/// R - 1 steps of n bytes.
void all_gather(Team& x, const Collective& c);
/// From rank to rank in segments: n bytes each, R - 1 + n / segment steps of a segment.
void broadcast(Team& x, const Collective& c);
}  // namespace ring

namespace both_ways {
/// Those of the ring with half of the data in either direction, so half of the
/// bytes through each link: where links are slower than what connects them. Over
/// more than two ranks.
void all_reduce(Team& x, const Collective& c);
void all_gather(Team& x, const Collective& c);
}  // namespace both_ways

namespace pairwise {
/// Everyone sends each other rank the chunk that this one reduces: R - 1 steps
/// of n / R bytes.
void reduce_scatter(Team& x, const Collective& c);
/// As reduce_scatter, with the result in the wide type of half types.
void reduce_scatter_wide(Team& x, const Collective& c);
/// As reduce_scatter, then the all_gather of the ring.
void all_reduce(Team& x, const Collective& c);
/// As reduce_scatter, then a gather at the root.
void reduce(Team& x, const Collective& c);
/// Each rank with each other: R - 1 steps of n / R bytes, some at a time.
void all_to_all(Team& x, const Collective& c);
}  // namespace pairwise

namespace tree {
/// Down a binomial tree in segments: log2 R + n / segment steps of a segment.
void broadcast(Team& x, const Collective& c);
/// The same way up, combining.
void reduce(Team& x, const Collective& c);
}  // namespace tree

namespace hierarchical {
/// Reduces within each host, then across, then gathers within: between hosts
/// 2 n (H - 1) / H bytes, spread over the ranks of a host.
void all_reduce(Team& x, const Collective& c);
}  // namespace hierarchical

}  // namespace mlx::core::distributed
