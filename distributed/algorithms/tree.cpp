// Binomial tree: counted from the root, the parent of rank v is v without its
// lowest set bit, and its children are v + 2^k for each k below that bit.
// Segments follow one another down (broadcast) or up (reduce).

#include <bit>
#include <vector>

#include "mlx/distributed/algorithms/algorithms.h"
#include "mlx/distributed/algorithms/chunks.h"

namespace mlx::core::distributed::tree {
namespace {

struct Place {
  int parent = -1;            // none: the root
  std::vector<int> children;  // the one with the most ranks behind it first

  Place(int rank, int root, int size) {
    const auto ranks = static_cast<unsigned>(size);
    const auto v = static_cast<unsigned>((rank - root + size) % size);
    const auto real = [&](unsigned place) { return (static_cast<int>(place) + root) % size; };
    const unsigned reach = v == 0 ? std::bit_ceil(ranks) : v & (0 - v);
    if (v != 0) parent = real(v - reach);
    for (unsigned distance = reach / 2; distance > 0; distance /= 2) {
      if (v + distance < ranks) children.push_back(real(v + distance));
    }
  }
  bool root() const { return parent < 0; }
};

// At least one, so that the headers are checked even without data.
size_t steps(size_t bytes) { return std::max<size_t>(segments_of(bytes), 1); }

}  // namespace

void broadcast(Team& x, const Collective& c) {
  const Place place(x.rank(), c.peer, x.size());
  const auto from = place.root() ? c.in : std::span<const std::byte>(c.out);
  std::vector<Team::Message> sends;
  if (place.root() && place.children.size() == 1) {
    // There are no turns to take, and one long send is cheaper than many.
    sends.push_back(x.send(place.children.front(), from));
  } else {
    for (size_t s = 0; s < steps(c.out.size()); ++s) {
      if (!place.root()) x.wait(x.recv(place.parent, segment_of(c.out, s)));
      for (const int child : place.children) sends.push_back(x.send(child, segment_of(from, s)));
    }
  }
  if (place.root()) copy_bytes(c.out, c.in);
  x.wait(sends);
}

namespace {

// One rank's part in a reduce. Values travel in the wide type. Two segments are
// in memory: one is combined while the next arrives.
class Combiner {
 public:
  Combiner(Team& x, const Collective& c)
      : x_(x),
        c_(c),
        reducer_(reduce_into(c.dtype, c.reduction)),
        place_(x.rank(), c.peer, x.size()),
        stride_(
            aligned(std::min(kSegmentBytes, c.in.size()) / reducer_.width * reducer_.wide_width)),
        memory_(x.scratch(2 * (place_.children.size() + 1) * stride_)) {}

  void run() {
    const size_t segments = steps(c_.in.size());
    start(0);
    for (size_t s = 0; s < segments; ++s) {
      if (s + 1 < segments) start(s + 1);
      combine(s);
    }
    if (!place_.root()) x_.wait(sent_[(segments - 1) % 2]);
  }

 private:
  size_t count(size_t segment) const { return segment_of(c_.in, segment).size() / reducer_.width; }
  // Slot 0 is our own, the others are the children's.
  std::span<std::byte> values(size_t segment, size_t slot) const {
    const size_t index = (segment % 2) * (place_.children.size() + 1) + slot;
    return memory_.subspan(index * stride_, count(segment) * reducer_.wide_width);
  }

  void start(size_t segment) {
    auto& arriving = arriving_[segment % 2];
    arriving.clear();
    for (size_t i = 0; i < place_.children.size(); ++i) {
      arriving.push_back(x_.recv(place_.children[i], values(segment, i + 1)));
    }
  }

  void combine(size_t segment) {
    auto& sent = sent_[segment % 2];
    if (segment >= 2 && !place_.root()) x_.wait(sent);
    const auto mine = values(segment, 0);
    const size_t n = count(segment);
    reducer_.widen(mine.data(), segment_of(c_.in, segment).data(), n);
    for (size_t i = 0; i < place_.children.size(); ++i) {
      x_.wait(arriving_[segment % 2][i]);
      reducer_.fold_both(mine.data(), values(segment, i + 1).data(), n);
    }
    if (place_.root()) {
      reducer_.narrow(segment_of(c_.out, segment).data(), mine.data(), n);
    } else {
      sent = x_.send(place_.parent, mine);
    }
  }

  Team& x_;
  const Collective& c_;
  const Reducer& reducer_;
  const Place place_;
  const size_t stride_;
  const std::span<std::byte> memory_;
  std::vector<Team::Message> arriving_[2];
  Team::Message sent_[2]{};
};

}  // namespace

void reduce(Team& x, const Collective& c) { Combiner(x, c).run(); }

}  // namespace mlx::core::distributed::tree
