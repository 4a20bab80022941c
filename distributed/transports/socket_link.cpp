#include "mlx/distributed/transports/socket_link.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace mlx::core::distributed {
namespace {

// A header and a small message leave in one packet, and arrive in one read:
// anything below kSmall goes through a buffer, anything above past it.
constexpr size_t kSmall = 4096;
constexpr size_t kBuffer = 64 * 1024;

class SocketLink final : public Link {
 public:
  SocketLink(Socket socket, std::shared_ptr<Pulse> pulse)
      : socket_(std::move(socket)), pulse_(std::move(pulse)), in_(kBuffer) {
    out_.reserve(kBuffer);
  }

  std::optional<size_t> write(std::span<const std::byte> bytes) override {
    if (bytes.size() < kSmall && out_.size() + bytes.size() <= kBuffer) {
      out_.insert(out_.end(), bytes.begin(), bytes.end());
      return bytes.size();
    }
    const auto flushed = flush();
    if (!flushed) return std::nullopt;
    return *flushed ? put(bytes) : 0;
  }

  std::optional<bool> flush() override {
    while (sent_ < out_.size()) {
      const auto n = put(std::span(out_).subspan(sent_));
      if (!n) return std::nullopt;
      if (*n == 0) return false;
      sent_ += *n;
    }
    out_.clear();
    sent_ = 0;
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

  std::optional<pollfd> arm(bool reading, bool writing) override {
    if (reading && begin_ != end_) return std::nullopt;
    pulse_->sleeps(reading);
    const bool full = writing || sent_ < out_.size();
    return pollfd{socket_.fd(), static_cast<short>((reading ? POLLIN : 0) | (full ? POLLOUT : 0)),
                  0};
  }

  void woken(short) override {}

 private:
  std::optional<size_t> put(std::span<const std::byte> bytes) {
    const auto n = send_some(socket_.fd(), bytes);
    if (n && *n > 0) pulse_->sent(*n);
    return n;
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
  return std::make_unique<SocketLink>(std::move(socket), std::move(pulse));
}

}  // namespace mlx::core::distributed
