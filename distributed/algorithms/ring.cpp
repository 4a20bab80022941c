// Ring: every rank sends to its right neighbour only.
//
// The data is cut into one chunk a rank. In step s of the first half, rank r
// receives chunk r-1-s from the left, combines it with its own, and passes it
// on in the next step; after R-1 steps it holds the finished chunk r+1. The
// second half passes finished chunks on in the same way without combining.
//
// A chunk moves in segments. What arrives in one step leaves in the next as
// soon as its segment is ready, so all steps overlap. A receive is always
// started before the segment in hand is combined.

#include <vector>

#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/algorithms/chunks.h"

namespace mlx::core::distributed::ring {
namespace {

// Walks over (step, segment) pairs in the order in which they arrive.
class Walk {
 public:
  Walk(const Chunks& chunks, int first_chunk, int steps)
      : chunks_(chunks), first_(first_chunk), steps_(steps) {
    skip_empty();
  }
  bool end() const { return step_ == steps_; }
  int step() const { return step_; }
  template <typename Byte>
  std::span<Byte> of(std::span<Byte> data) const {
    return segment_of(chunks_.of(data, first_ - step_), segment_);
  }
  void next() {
    ++segment_;
    skip_empty();
  }

 private:
  void skip_empty() {
    while (step_ < steps_ && segment_ >= segments_of(chunks_.size(first_ - step_))) {
      ++step_;
      segment_ = 0;
    }
  }

  const Chunks& chunks_;
  int first_;
  int steps_;
  int step_ = 0;
  size_t segment_ = 0;
};

// Passes chunks around the ring for `steps` steps, starting with our own from
// `first`. What arrives is put in place by `arrive`, which says where it is to
// be received and what to do with it then.
template <typename Arrive>
void pass_around(Team& x, const Chunks& chunks, std::span<const std::byte> first,
                 std::span<std::byte> data, int first_received, int steps, Arrive arrive) {
  const int right = (x.rank() + 1) % x.size();
  const int left = (x.rank() + x.size() - 1) % x.size();
  Team::Message sent = x.send(right, first);
  Walk arriving(chunks, first_received, steps);
  Team::Message next{};
  if (arriving.end()) x.wait(x.recv(left, {}));  // no data, but the header is checked
  size_t number = 0;
  if (!arriving.end())
    next = x.recv(left, arrive.place(arriving.step(), arriving.of(data), number));
  while (!arriving.end()) {
    const Walk here = arriving;
    const Team::Message message = next;
    arriving.next();
    if (!arriving.end()) {
      next = x.recv(left, arrive.place(arriving.step(), arriving.of(data), number + 1));
    }
    x.wait(message);
    arrive.take(here.step(), here.of(data), number++);
    if (here.step() + 1 < steps) sent = x.send(right, here.of(data));
  }
  x.wait(sent);
}

// Combines what arrives during the first half with our own values. When input
// and output are the same memory it must arrive beside them; two segments in
// turn suffice because only one more is under way.
struct Combine {
  Team& x;
  const Collective& c;
  const Reducer& reducer = reduce_into(c.dtype, c.reduction);
  bool in_place = c.in.data() == c.out.data();
  std::span<std::byte> beside = in_place ? x.scratch(2 * kSegmentBytes) : std::span<std::byte>{};

  bool combines(int step) const { return step + 1 < x.size(); }
  std::span<std::byte> place(int step, std::span<std::byte> segment, size_t number) const {
    if (!in_place || !combines(step)) return segment;
    return beside.subspan((number % 2) * kSegmentBytes, segment.size());
  }
  void take(int step, std::span<std::byte> segment, size_t number) const {
    if (!combines(step)) return;
    const std::byte* other = in_place ? place(step, segment, number).data()
                                      : c.in.data() + (segment.data() - c.out.data());
    reducer.fold(segment.data(), other, segment.size() / reducer.width);
  }
};

struct Keep {
  std::span<std::byte> place(int, std::span<std::byte> segment, size_t) const { return segment; }
  void take(int, std::span<std::byte>, size_t) const {}
};

}  // namespace

void all_reduce(Team& x, const Collective& c) {
  const Chunks chunks(c.in.size(), c.dtype.size(), x.size());
  pass_around(x, chunks, chunks.of(c.in, x.rank()), c.out, x.rank() - 1, 2 * (x.size() - 1),
              Combine{x, c});
}

void all_gather(Team& x, const Collective& c) {
  const Chunks chunks = chunks_of_parts(c.out.size(), x.size(), c.out_parts);
  const auto mine = chunks.of(c.out, x.rank());
  copy_bytes(mine, c.in);
  pass_around(x, chunks, mine, c.out, x.rank() - 1, x.size() - 1, Keep{});
}

// Counted from the root; the last rank passes nothing on.
void broadcast(Team& x, const Collective& c) {
  const int right = (x.rank() + 1) % x.size();
  const int left = (x.rank() + x.size() - 1) % x.size();
  const bool root = x.rank() == c.peer, last = right == c.peer;
  if (root) copy_bytes(c.out, c.in);
  // At least one, so that the headers are checked even without data.
  const size_t segments = std::max<size_t>(segments_of(c.out.size()), 1);
  std::vector<Team::Message> arriving;
  for (size_t s = 0; s < segments && !root; ++s) {
    arriving.push_back(x.recv(left, segment_of(c.out, s)));
  }
  Team::Message sent{};
  for (size_t s = 0; s < segments; ++s) {
    if (!root) x.wait(arriving[s]);
    if (!last) sent = x.send(right, segment_of(c.out, s));
  }
  if (!last) x.wait(sent);
}

}  // namespace mlx::core::distributed::ring
