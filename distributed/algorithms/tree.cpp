// Binomial tree: counted from the root, rank v receives from v without its
// lowest set bit and sends to v + 2^k for each k below that bit, the far ones
// first. Segments follow one another down the tree.

#include <bit>
#include <vector>

#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/algorithms/chunks.h"

namespace mlx::core::distributed::tree {

void broadcast(Exchange& x, const Collective& c) {
  const auto virtual_rank = static_cast<unsigned>((x.rank() - c.peer + x.size()) % x.size());
  const auto real = [&](unsigned v) { return (static_cast<int>(v) + c.peer) % x.size(); };
  const auto ranks = static_cast<unsigned>(x.size());
  const bool root = virtual_rank == 0;
  const unsigned reach = root ? std::bit_ceil(ranks) : virtual_rank & (0 - virtual_rank);
  if (root) copy_bytes(c.out, c.in);

  const size_t segments = std::max<size_t>(segments_of(c.out.size()), 1);
  std::vector<Exchange::Message> sends;
  for (size_t s = 0; s < segments; ++s) {
    const auto segment = segment_of(c.out, s);
    if (!root) x.wait(x.recv(real(virtual_rank - reach), segment));
    for (unsigned distance = reach / 2; distance > 0; distance /= 2) {
      if (virtual_rank + distance < ranks) {
        sends.push_back(x.send(real(virtual_rank + distance), segment));
      }
    }
  }
  for (const auto& message : sends) x.wait(message);
}

}  // namespace mlx::core::distributed::tree
