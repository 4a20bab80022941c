// Recursive doubling: in step s partners at distance 2^s exchange what they
// have and both combine it, so after log2 R steps everyone has everything.
//
// When R is no power of two, the ranks beyond the largest power below it (the
// extras) give their values to a partner first and get the result from it at
// the end. Partners combine the same two values, and every reduction commutes,
// so all ranks get the same bits. Half types travel widened.

#include <bit>

#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/algorithms/chunks.h"

namespace mlx::core::distributed::doubling {

void all_reduce(Team& x, const Collective& c) {
  const Reducer& reducer = reduce_into(c.dtype, c.reduction);
  const size_t count = c.in.size() / reducer.width;
  const size_t bytes = count * reducer.wide_width;
  const size_t stride = aligned(bytes);
  const auto scratch = x.scratch(2 * stride);
  const auto mine = scratch.first(bytes);
  const auto theirs = scratch.subspan(stride, bytes);

  const auto combine_with = [&](int peer, bool send, bool receive) {
    // The receive is started before the send is waited for: both may be large.
    Team::Message out{}, in{};
    if (send) out = x.send(peer, mine);
    if (receive) in = x.recv(peer, theirs);
    if (receive) x.wait(in);
    if (send) x.wait(out);
    if (receive) reducer.fold_both(mine.data(), theirs.data(), count);
  };

  reducer.widen(mine.data(), c.in.data(), count);
  const int power = static_cast<int>(std::bit_floor(static_cast<unsigned>(x.size())));
  const int extras = x.size() - power;
  if (x.rank() >= power) {
    const int partner = x.rank() - power;
    combine_with(partner, true, false);
    x.wait(x.recv(partner, mine));
  } else {
    if (x.rank() < extras) combine_with(x.rank() + power, false, true);
    for (int distance = 1; distance < power; distance *= 2) {
      combine_with(x.rank() ^ distance, true, true);
    }
    if (x.rank() < extras) combine_with(x.rank() + power, true, false);
  }
  reducer.narrow(c.out.data(), mine.data(), count);
}

// The headers say it all: after step s everyone knows of the 2^(s+1) ranks to
// the left of it that they are here.
void barrier(Team& x, const Collective&) {
  for (int distance = 1; distance < x.size(); distance *= 2) {
    const auto sent = x.send((x.rank() + distance) % x.size(), {});
    x.wait(x.recv((x.rank() + x.size() - distance) % x.size(), {}));
    x.wait(sent);
  }
}

}  // namespace mlx::core::distributed::doubling
