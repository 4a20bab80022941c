// Pairwise exchange: in step s every rank sends to the rank s to the right of it
// and receives from the one s to the left.
//
// To reduce, each rank is the owner of one chunk, and every other rank sends it
// that chunk of its own data, segment by segment. The owner adds in the order
// of the ranks in the wide type and rounds once.

#include <vector>

#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/algorithms/chunks.h"

namespace mlx::core::distributed::pairwise {
namespace {

// Receives one segment of a chunk from every other rank, two segments in turn.
class Inbox {
 public:
  Inbox(Team& x, std::span<std::byte> memory) : x_(x), memory_(memory) {}

  static size_t bytes(int ranks) { return 2 * static_cast<size_t>(ranks) * kSegmentBytes; }

  void start(size_t segment, size_t bytes) {
    auto& messages = messages_[segment % 2];
    messages.clear();
    for (int rank = 0; rank < x_.size(); ++rank) {
      if (rank != x_.rank()) messages.push_back(x_.recv(rank, slot(segment, rank).first(bytes)));
    }
  }
  void finish(size_t segment) {
    for (const auto& message : messages_[segment % 2]) x_.wait(message);
  }
  std::span<std::byte> slot(size_t segment, int rank) const {
    const size_t index = (segment % 2) * static_cast<size_t>(x_.size()) + static_cast<size_t>(rank);
    return memory_.subspan(index * kSegmentBytes, kSegmentBytes);
  }

 private:
  Team& x_;
  std::span<std::byte> memory_;
  std::vector<Team::Message> messages_[2];
};

enum class Result : uint8_t { narrow, wide };

// Reduces our chunk `mine` of `in` over all ranks into `out`.
void reduce_chunk(Team& x, const Reducer& reducer, std::span<const std::byte> mine,
                  std::span<std::byte> out, Result result) {
  const size_t wide_bytes = kSegmentBytes / reducer.width * reducer.wide_width;
  const auto scratch = x.scratch(Inbox::bytes(x.size()) + wide_bytes);
  Inbox inbox(x, scratch.first(Inbox::bytes(x.size())));
  // At least one, so that the headers are checked even without data.
  const size_t segments = std::max<size_t>(segments_of(mine.size()), 1);

  inbox.start(0, segment_of(mine, 0).size());
  for (size_t s = 0; s < segments; ++s) {
    if (s + 1 < segments) inbox.start(s + 1, segment_of(mine, s + 1).size());
    inbox.finish(s);
    const auto own = segment_of(mine, s);
    const size_t count = own.size() / reducer.width;
    std::byte* wide = result == Result::wide ? out.data() + s * wide_bytes
                                             : scratch.data() + Inbox::bytes(x.size());
    for (int rank = 0; rank < x.size(); ++rank) {
      const std::byte* values = rank == x.rank() ? own.data() : inbox.slot(s, rank).data();
      (rank == 0 ? reducer.widen : reducer.fold_wide)(wide, values, count);
    }
    if (result == Result::narrow) reducer.narrow(segment_of(out, s).data(), wide, count);
  }
}

// Sends every other rank its chunk and reduces ours into `out`.
void scatter_reduce(Team& x, const Collective& c, const Chunks& chunks, std::span<std::byte> out,
                    Result result = Result::narrow) {
  std::vector<Team::Message> sends;
  for (int step = 1; step < x.size(); ++step) {
    const int peer = (x.rank() + step) % x.size();
    sends.push_back(x.send(peer, chunks.of(c.in, peer)));
  }
  reduce_chunk(x, reduce_into(c.dtype, c.reduction), chunks.of(c.in, x.rank()), out, result);
  x.wait(sends);
}

}  // namespace

void reduce_scatter(Team& x, const Collective& c) {
  scatter_reduce(x, c, chunks_of_parts(c.in.size(), x.size(), c.in_parts), c.out);
}

void reduce_scatter_wide(Team& x, const Collective& c) {
  scatter_reduce(x, c, chunks_of_parts(c.in.size(), x.size(), c.in_parts), c.out, Result::wide);
}

void all_reduce(Team& x, const Collective& c) {
  const Chunks chunks(c.in.size(), c.dtype.size(), x.size());
  const auto mine = chunks.of(c.out, x.rank());
  scatter_reduce(x, c, chunks, mine);
  const std::vector<size_t> parts = chunks.parts();
  Collective gather = c;
  gather.in = mine;
  gather.out_parts = parts;
  ring::all_gather(x, gather);
}

void reduce(Team& x, const Collective& c) {
  const Chunks chunks(c.in.size(), c.dtype.size(), x.size());
  const bool root = x.rank() == c.peer;
  const auto mine =
      root ? chunks.of(c.out, x.rank()) : x.exchange().scratch(chunks.size(x.rank()), 1);
  scatter_reduce(x, c, chunks, mine);
  const std::vector<size_t> parts = chunks.parts();
  Collective gather = c;
  gather.in = mine;
  gather.out_parts = parts;
  direct::gather(x, gather);
}

void all_to_all(Team& x, const Collective& c) {
  constexpr size_t kAtATime = 4;
  const Chunks to = chunks_of_parts(c.in.size(), x.size(), c.in_parts);
  const Chunks from = chunks_of_parts(c.out.size(), x.size(), c.out_parts);
  copy_bytes(from.of(c.out, x.rank()), to.of(c.in, x.rank()));
  std::vector<Team::Message> sends, recvs;
  for (int step = 1; step < x.size(); ++step) {
    const int right = (x.rank() + step) % x.size();
    const int left = (x.rank() + x.size() - step) % x.size();
    if (recvs.size() >= kAtATime) x.wait(recvs[recvs.size() - kAtATime]);
    if (sends.size() >= kAtATime) x.wait(sends[sends.size() - kAtATime]);
    recvs.push_back(x.recv(left, from.of(c.out, left)));
    sends.push_back(x.send(right, to.of(c.in, right)));
  }
  x.wait(recvs);
  x.wait(sends);
}

}  // namespace mlx::core::distributed::pairwise
