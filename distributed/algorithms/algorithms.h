#pragma once

// The algorithms, written once over an Exchange. All give bit-identical
// results on all ranks. n = bytes of the collective's input, R = ranks.

#include <string_view>

#include "mlx/distributed/collective.h"
#include "mlx/distributed/exchange.h"

namespace mlx::core::distributed {

/// Which algorithm to use; the same on all ranks for the same collective.
/// `wish` (a name, or empty) wins where it can do the operation.
Algorithm choose_algorithm(const Collective& collective, int ranks, std::string_view wish);

/// Runs the collective. `exchange` has begun it.
void run_algorithm(Exchange& exchange, const Collective& collective, Algorithm algorithm);

namespace direct {
/// Everyone sends everything to everyone: 1 step, n (R - 1) bytes.
void all_reduce(Exchange& exchange, const Collective& c);
void all_gather(Exchange& exchange, const Collective& c);
}  // namespace direct

namespace doubling {
/// Exchanges with partners at distance 1, 2, 4, ...: log2 R steps of n bytes.
void all_reduce(Exchange& exchange, const Collective& c);
}  // namespace doubling

namespace ring {
/// 2 (R - 1) steps of n / R bytes, the least that is possible.
void all_reduce(Exchange& exchange, const Collective& c);
/// R - 1 steps of n bytes.
void all_gather(Exchange& exchange, const Collective& c);
}  // namespace ring

namespace pairwise {
/// Everyone sends each other rank the chunk that this one reduces: R - 1 steps
/// of n / R bytes. Half types are rounded only once, whatever R is.
void reduce_scatter(Exchange& exchange, const Collective& c);
/// As reduce_scatter, then the all_gather of the ring.
void all_reduce(Exchange& exchange, const Collective& c);
}  // namespace pairwise

namespace tree {
/// Down a binomial tree in segments: log2 R + n / segment steps of a segment.
void broadcast(Exchange& exchange, const Collective& c);
}  // namespace tree

}  // namespace mlx::core::distributed
