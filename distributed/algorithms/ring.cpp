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
//
// Both ways: each chunk is cut in two halves, of which one goes round to the
// right and the other to the left, at the same time.

#include <vector>

#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/algorithms/chunks.h"

namespace mlx::core::distributed {
namespace {

// What of the chunks goes one way.
struct Lane {
  enum Part : uint8_t { whole, first_half, second_half };

  const Chunks& chunks;
  Part part;
  size_t width;
  int direction;  // 1: to the right, -1: to the left

  template <typename Byte>
  std::span<Byte> of(std::span<Byte> data, int index) const {
    return cut(chunks.of(data, index));
  }
  template <typename Byte>
  std::span<Byte> cut(std::span<Byte> chunk) const {
    const size_t middle = chunk.size() / width / 2 * width;
    return part == whole ? chunk : part == first_half ? chunk.first(middle) : chunk.subspan(middle);
  }
};

// Walks over (step, segment) pairs in the order in which they arrive.
class Walk {
 public:
  Walk(const Lane& lane, std::span<std::byte> data, int rank, int steps)
      : lane_(lane), data_(data), rank_(rank), steps_(steps) {
    skip_empty();
  }
  bool end() const { return step_ == steps_; }
  int step() const { return step_; }
  std::span<std::byte> segment() const { return segment_of(chunk(), segment_); }
  void next() {
    ++segment_;
    skip_empty();
  }

 private:
  std::span<std::byte> chunk() const {
    return lane_.of(data_, rank_ - lane_.direction * (1 + step_));
  }
  void skip_empty() {
    while (step_ < steps_ && segment_ >= segments_of(chunk().size())) {
      ++step_;
      segment_ = 0;
    }
  }

  const Lane& lane_;
  std::span<std::byte> data_;
  int rank_;
  int steps_;
  int step_ = 0;
  size_t segment_ = 0;
};

// Passes chunks around the ring for `steps` steps, starting with our own from
// `first`. What arrives is put in place by `arrive`, which says where it is to
// be received and what to do with it then.
template <typename Arrive>
class Passage {
 public:
  Passage(Team& x, const Lane& lane, std::span<std::byte> data, int steps, Arrive arrive)
      : x_(x),
        to_((x.rank() + x.size() + lane.direction) % x.size()),
        from_((x.rank() + x.size() - lane.direction) % x.size()),
        steps_(steps),
        arriving_(lane, data, x.rank(), steps),
        arrive_(arrive) {}

  void start(std::span<const std::byte> first) {
    sent_ = x_.send(to_, first);
    if (arriving_.end()) {
      x_.wait(x_.recv(from_, {}));  // no data, but the header is checked
    } else {
      receive();
    }
  }
  bool end() const { return arriving_.end(); }
  void step() {
    const Walk here = arriving_;
    const Team::Message message = next_;
    const size_t number = number_++;
    arriving_.next();
    if (!arriving_.end()) receive();
    x_.wait(message);
    arrive_.take(here.step(), here.segment(), number);
    if (here.step() + 1 < steps_) sent_ = x_.send(to_, here.segment());
  }
  void finish() { x_.wait(sent_); }

 private:
  void receive() {
    next_ = x_.recv(from_, arrive_.place(arriving_.step(), arriving_.segment(), number_));
  }

  Team& x_;
  const int to_;
  const int from_;
  const int steps_;
  Walk arriving_;
  Arrive arrive_;
  Team::Message sent_{};
  Team::Message next_{};
  size_t number_ = 0;
};

// Combines what arrives during the first half with our own values. When input
// and output are the same memory it must arrive beside them; two segments in
// turn suffice because only one more is under way.
struct Combine {
  int size;
  const Collective& c;
  const Reducer& reducer;
  std::span<std::byte> beside;  // empty: arrives in place

  bool combines(int step) const { return step + 1 < size; }
  std::span<std::byte> place(int step, std::span<std::byte> segment, size_t number) const {
    if (beside.empty() || !combines(step)) return segment;
    return beside.subspan((number % 2) * kSegmentBytes, segment.size());
  }
  void take(int step, std::span<std::byte> segment, size_t number) const {
    if (!combines(step)) return;
    const std::byte* other = beside.empty() ? c.in.data() + (segment.data() - c.out.data())
                                            : place(step, segment, number).data();
    reducer.fold(segment.data(), other, segment.size() / reducer.width);
  }
};

struct Keep {
  std::span<std::byte> place(int, std::span<std::byte> segment, size_t) const { return segment; }
  void take(int, std::span<std::byte>, size_t) const {}
};

// All lanes at the same time, from our own chunk `first` on. `arrive_on(i)` is
// what happens on lane i, `meanwhile` what there is to do once all are under way.
template <typename ArriveOn, typename Meanwhile>
void pass_around(Team& x, std::span<const Lane> lanes, std::span<const std::byte> first,
                 std::span<std::byte> data, int steps, ArriveOn arrive_on, Meanwhile meanwhile) {
  std::vector<Passage<decltype(arrive_on(0))>> passages;
  for (size_t i = 0; i < lanes.size(); ++i) {
    passages.emplace_back(x, lanes[i], data, steps, arrive_on(i));
  }
  for (size_t i = 0; i < lanes.size(); ++i) passages[i].start(lanes[i].cut(first));
  meanwhile();
  bool more = true;
  while (more) {
    more = false;
    for (auto& passage : passages) {
      if (passage.end()) continue;
      passage.step();
      more = true;
    }
  }
  for (auto& passage : passages) passage.finish();
}

void reduce_around(Team& x, const Collective& c, std::span<const Lane> lanes) {
  const bool in_place = c.in.data() == c.out.data();
  const auto beside = x.scratch(in_place ? lanes.size() * 2 * kSegmentBytes : 0);
  const auto arrive_on = [&](size_t lane) {
    return Combine{x.size(), c, reduce_into(c.dtype, c.reduction),
                   in_place ? beside.subspan(lane * 2 * kSegmentBytes, 2 * kSegmentBytes)
                            : std::span<std::byte>{}};
  };
  pass_around(x, lanes, lanes.front().chunks.of(c.in, x.rank()), c.out, 2 * (x.size() - 1),
              arrive_on, [] {});
}

void gather_around(Team& x, const Collective& c, const Chunks& chunks,
                   std::span<const Lane> lanes) {
  pass_around(
      x, lanes, c.in, c.out, x.size() - 1, [](size_t) { return Keep{}; },
      [&] { copy_bytes(chunks.of(c.out, x.rank()), c.in); });
}

}  // namespace

namespace ring {

void all_reduce(Team& x, const Collective& c) {
  const Chunks chunks(c.in.size(), c.dtype.size(), x.size());
  const Lane lanes[] = {{chunks, Lane::whole, c.dtype.size(), 1}};
  reduce_around(x, c, lanes);
}

void all_gather(Team& x, const Collective& c) {
  const Chunks chunks = chunks_of_parts(c.out.size(), x.size(), c.out_parts);
  const Lane lanes[] = {{chunks, Lane::whole, 1, 1}};
  gather_around(x, c, chunks, lanes);
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

}  // namespace ring

namespace both_ways {

void all_reduce(Team& x, const Collective& c) {
  const Chunks chunks(c.in.size(), c.dtype.size(), x.size());
  const Lane lanes[] = {{chunks, Lane::first_half, c.dtype.size(), 1},
                        {chunks, Lane::second_half, c.dtype.size(), -1}};
  reduce_around(x, c, lanes);
}

void all_gather(Team& x, const Collective& c) {
  const Chunks chunks = chunks_of_parts(c.out.size(), x.size(), c.out_parts);
  const Lane lanes[] = {{chunks, Lane::first_half, 1, 1}, {chunks, Lane::second_half, 1, -1}};
  gather_around(x, c, chunks, lanes);
}

}  // namespace both_ways

}  // namespace mlx::core::distributed
