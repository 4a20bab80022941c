// Direct exchange: every rank sends its whole part straight to those who need
// it. One step, so the fastest way for little data and few ranks.

#include <vector>

#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/algorithms/chunks.h"

namespace mlx::core::distributed::direct {
namespace {

using Messages = std::vector<Team::Message>;

// Starts one message with every other rank, the next rank first so that not all
// knock on the same door.
template <typename Start>
Messages with_each_other(const Team& x, Start start) {
  Messages messages;
  messages.reserve(static_cast<size_t>(x.size()));
  for (int step = 1; step < x.size(); ++step) {
    messages.push_back(start((x.rank() + step) % x.size()));
  }
  return messages;
}

// Everyone's part into its chunk of `all`, but for our own.
void exchange_all(Team& x, std::span<const std::byte> mine, std::span<std::byte> all,
                  const Chunks& chunks) {
  const auto sends = with_each_other(x, [&](int peer) { return x.send(peer, mine); });
  const auto recvs =
      with_each_other(x, [&](int peer) { return x.recv(peer, chunks.of(all, peer)); });
  x.wait(recvs);
  x.wait(sends);
}

}  // namespace

// Everyone adds in the order of the ranks, so all get the same bits.
void all_reduce(Team& x, const Collective& c) {
  const Reducer& reducer = reduce_into(c.dtype, c.reduction);
  const size_t n = c.in.size();
  const size_t count = n / reducer.width;
  const size_t block_bytes = n * static_cast<size_t>(x.size());
  // Aligned for the wide type: the blocks may end in the middle of a value.
  const auto scratch = x.scratch(aligned(block_bytes) + count * reducer.wide_width);
  const auto blocks = scratch.first(block_bytes);
  std::byte* wide = scratch.data() + aligned(block_bytes);

  exchange_all(x, c.in, blocks, chunks_of_parts(block_bytes, x.size(), {}));
  const auto block = [&](int rank) {
    return rank == x.rank() ? c.in.data() : blocks.data() + static_cast<size_t>(rank) * n;
  };
  reducer.widen(wide, block(0), count);
  for (int rank = 1; rank < x.size(); ++rank) reducer.fold_wide(wide, block(rank), count);
  reducer.narrow(c.out.data(), wide, count);
}

void all_gather(Team& x, const Collective& c) {
  const Chunks chunks = chunks_of_parts(c.out.size(), x.size(), c.out_parts);
  copy_bytes(chunks.of(c.out, x.rank()), c.in);
  exchange_all(x, c.in, c.out, chunks);
}

void gather(Team& x, const Collective& c) {
  if (x.rank() != c.peer) return x.wait(x.send(c.peer, c.in));
  const Chunks chunks = chunks_of_parts(c.out.size(), x.size(), c.out_parts);
  copy_bytes(chunks.of(c.out, x.rank()), c.in);
  x.wait(with_each_other(x, [&](int peer) { return x.recv(peer, chunks.of(c.out, peer)); }));
}

void scatter(Team& x, const Collective& c) {
  if (x.rank() != c.peer) return x.wait(x.recv(c.peer, c.out));
  const Chunks chunks = chunks_of_parts(c.in.size(), x.size(), c.in_parts);
  copy_bytes(c.out, chunks.of(c.in, x.rank()));
  x.wait(with_each_other(x, [&](int peer) { return x.send(peer, chunks.of(c.in, peer)); }));
}

}  // namespace mlx::core::distributed::direct
