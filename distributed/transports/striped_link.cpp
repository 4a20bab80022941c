#include "mlx/distributed/transports/striped_link.h"

#include <algorithm>
#include <cstdint>

namespace mlx::core::distributed {
namespace {

class StripedLink final : public Link {
 public:
  explicit StripedLink(std::vector<std::unique_ptr<Link>> links) : links_(std::move(links)) {
    for (Way* way : {&out_, &in_}) {
      for (size_t i = 0; i < links_.size(); ++i) way->lanes.push_back({i * kStripePiece, false});
    }
  }

  std::optional<size_t> write(std::span<const std::byte> bytes) override {
    return advance(out_, bytes, [](Link& link, auto part) { return link.write(part); });
  }

  std::optional<size_t> read(std::span<std::byte> bytes) override {
    return advance(in_, bytes, [](Link& link, auto part) { return link.read(part); });
  }

  std::optional<bool> flush() override {
    bool all = true;
    for (const auto& link : links_) {
      const auto flushed = link->flush();
      if (!flushed) return std::nullopt;
      all = all && *flushed;
    }
    return all;
  }

  bool arm(bool reading, bool writing, std::vector<pollfd>& polled) override {
    added_.clear();
    bool nothing_to_do = true;
    for (size_t i = 0; i < links_.size(); ++i) {
      const size_t before = polled.size();
      nothing_to_do &=
          links_[i]->arm(reading && in_.lanes[i].stuck, writing && out_.lanes[i].stuck, polled);
      added_.push_back(polled.size() - before);
    }
    return nothing_to_do;
  }

  void woken(std::span<const pollfd> polled) override {
    for (size_t i = 0; i < links_.size(); ++i) {
      links_[i]->woken(polled.first(added_[i]));
      polled = polled.subspan(added_[i]);
    }
  }

  void abort() noexcept override {
    for (const auto& link : links_) link->abort();
  }

 private:
  // One way over one link.
  struct Lane {
    uint64_t next;  // where in the stream its next byte is
    bool stuck;     // it was asked for more than it moved
  };
  struct Way {
    uint64_t position = 0;  // all bytes before it have moved
    std::vector<Lane> lanes;
  };

  // Moves what it can of the bytes at the way's position, and returns how many of
  // them have moved with nothing missing in between.
  template <typename Byte, typename Move>
  std::optional<size_t> advance(Way& way, std::span<Byte> bytes, Move move) {
    const uint64_t end = way.position + bytes.size();
    uint64_t reached = end;
    for (size_t i = 0; i < links_.size(); ++i) {
      Lane& lane = way.lanes[i];
      lane.stuck = false;
      while (lane.next < end && !lane.stuck) {
        const size_t wanted = std::min(kStripePiece - lane.next % kStripePiece, end - lane.next);
        const auto moved = move(*links_[i], bytes.subspan(lane.next - way.position, wanted));
        if (!moved) return std::nullopt;
        lane.next += *moved;
        lane.stuck = *moved < wanted;
        const bool whole_piece = *moved > 0 && lane.next % kStripePiece == 0;
        if (whole_piece) lane.next += (links_.size() - 1) * kStripePiece;
      }
      reached = std::min(reached, lane.next);
    }
    const size_t moved = reached - way.position;
    way.position = reached;
    return moved;
  }

  const std::vector<std::unique_ptr<Link>> links_;
  Way out_;
  Way in_;
  std::vector<size_t> added_;  // how many descriptors each link has added in arm()
};

}  // namespace

std::unique_ptr<Link> make_striped_link(std::vector<std::unique_ptr<Link>> links) {
  if (links.size() == 1) return std::move(links.front());
  return std::make_unique<StripedLink>(std::move(links));
}

}  // namespace mlx::core::distributed
