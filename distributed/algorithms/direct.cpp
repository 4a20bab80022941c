// Direct exchange: every rank sends its whole input to every other one. One
// step, so the fastest way for little data and few ranks.

#include <vector>

#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/algorithms/chunks.h"

namespace mlx::core::distributed::direct {
namespace {

// Starts sending `bytes` to all others, the next rank first so that not all
// knock on the same door.
std::vector<Exchange::Message> send_to_all(Exchange& x, std::span<const std::byte> bytes) {
  std::vector<Exchange::Message> messages;
  messages.reserve(static_cast<size_t>(x.size()));
  for (int step = 1; step < x.size(); ++step) {
    messages.push_back(x.send((x.rank() + step) % x.size(), bytes));
  }
  return messages;
}

// Starts receiving block `peer` of `blocks` from each other rank.
std::vector<Exchange::Message> receive_from_all(Exchange& x, std::span<std::byte> blocks) {
  const size_t n = blocks.size() / static_cast<size_t>(x.size());
  std::vector<Exchange::Message> messages;
  messages.reserve(static_cast<size_t>(x.size()));
  for (int step = 1; step < x.size(); ++step) {
    const int peer = (x.rank() + step) % x.size();
    messages.push_back(x.recv(peer, blocks.subspan(static_cast<size_t>(peer) * n, n)));
  }
  return messages;
}

void exchange_all(Exchange& x, std::span<const std::byte> mine, std::span<std::byte> blocks) {
  const auto sends = send_to_all(x, mine);
  const auto recvs = receive_from_all(x, blocks);
  for (const auto& message : recvs) x.wait(message);
  for (const auto& message : sends) x.wait(message);
}

}  // namespace

// Everyone adds in the order of the ranks, so all get the same bits.
void all_reduce(Exchange& x, const Collective& c) {
  const Reducer& reducer = reduce_into(c.dtype, c.reduction);
  const size_t n = c.in.size();
  const size_t count = n / reducer.width;
  const size_t block_bytes = n * static_cast<size_t>(x.size());
  // Aligned for the wide type: the blocks may end in the middle of a value.
  const size_t wide_at = (block_bytes + 63) / 64 * 64;
  const auto scratch = x.scratch(wide_at + count * reducer.wide_width);
  const auto blocks = scratch.first(block_bytes);
  std::byte* wide = scratch.data() + wide_at;

  exchange_all(x, c.in, blocks);
  const auto block = [&](int rank) {
    return rank == x.rank() ? c.in.data() : blocks.data() + static_cast<size_t>(rank) * n;
  };
  reducer.widen(wide, block(0), count);
  for (int rank = 1; rank < x.size(); ++rank) reducer.fold_wide(wide, block(rank), count);
  reducer.narrow(c.out.data(), wide, count);
}

void all_gather(Exchange& x, const Collective& c) {
  const size_t n = c.in.size();
  copy_bytes(c.out.subspan(static_cast<size_t>(x.rank()) * n, n), c.in);
  exchange_all(x, c.in, c.out);
}

}  // namespace mlx::core::distributed::direct
