#include "mlx/distributed/transports/socket_link.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace mlx::core::distributed {
namespace {

// A header and its message leave in one packet, and what is small arrives in one
// read: less than kSmall goes through a buffer, more goes past it.
constexpr size_t kSmall = 4096;
constexpr size_t kGathered = 64 * 1024;
// More than that read ahead costs more to copy than another read.
constexpr size_t kAhead = 16 * 1024;

class SocketLink final : public Link {
 public:
  SocketLink(Socket socket, std::shared_ptr<Pulse> pulse)
      : socket_(std::move(socket)), pulse_(std::move(pulse)), in_(kAhead) {
    out_.reserve(kGathered);
  }

  std::optional<size_t> write(std::span<const std::byte> bytes) override {
    if (bytes.size() < kSmall && out_.size() + bytes.size() <= kGathered) {
      out_.insert(out_.end(), bytes.begin(), bytes.end());
      return bytes.size();
    }
    return put(bytes);
  }

  std::optional<bool> flush() override {
    while (!gathered().empty()) {
      const size_t before = gathered().size();
      if (!put({})) return std::nullopt;
      if (gathered().size() == before) return false;
    }
    return true;
  }

  std::optional<size_t> read(std::span<std::byte> bytes) override {
    if (begin_ == end_ && bytes.size() >= kSmall) return get(bytes);
    if (begin_ == end_) {
      const auto n = get(in_);
      if (!n || *n == 0) return n;
      begin_ = 0;
      end_ = *n;
    }
    const size_t n = std::min(bytes.size(), end_ - begin_);
    std::memcpy(bytes.data(), in_.data() + begin_, n);
    begin_ += n;
    return n;
  }

  bool arm(bool reading, bool writing, std::vector<pollfd>& polled) override {
    if (reading && begin_ != end_) return false;
    if (reading) pulse_->hungers();
    const bool full = writing || !gathered().empty();
    const auto events = static_cast<short>((reading ? POLLIN : 0) | (full ? POLLOUT : 0));
    if (events != 0) polled.push_back({socket_.fd(), events, 0});
    return true;
  }

  void woken(std::span<const pollfd>) override {}

 private:
  std::span<const std::byte> gathered() const { return std::span(out_).subspan(sent_); }

  // What was gathered and then these. How many of these have gone.
  std::optional<size_t> put(std::span<const std::byte> bytes) {
    const auto n = send_some(socket_.fd(), gathered(), bytes);
    if (!n) return std::nullopt;
    if (*n > 0) pulse_->sent(*n);
    const size_t first = std::min(*n, gathered().size());
    sent_ += first;
    if (sent_ == out_.size()) {
      out_.clear();
      sent_ = 0;
    }
    return *n - first;
  }

  std::optional<size_t> get(std::span<std::byte> bytes) {
    const auto n = receive_some(socket_.fd(), bytes);
    if (n && *n > 0) pulse_->received(*n);
    return n;
  }

  Socket socket_;
  const std::shared_ptr<Pulse> pulse_;
  std::vector<std::byte> out_;
  size_t sent_ = 0;
  std::vector<std::byte> in_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace

std::unique_ptr<Link> make_socket_link(Socket socket, std::shared_ptr<Pulse> pulse) {
  do_not_pace_within_host(socket);
  return std::make_unique<SocketLink>(std::move(socket), std::move(pulse));
}

}  // namespace mlx::core::distributed
