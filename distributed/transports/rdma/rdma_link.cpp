#include "mlx/distributed/transports/rdma/rdma_link.h"

#include <sched.h>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transports/rdma/stream.h"

namespace mlx::core::distributed::rdma {
namespace {

// How long the last messages may take to arrive when a link ends.
constexpr Milliseconds kFarewellLimit{2000};

class RdmaLink final : public Link, private Messenger::Listener {
 public:
  RdmaLink(std::shared_ptr<QueuePair> pair, int rank, int peer)
      : rank_(rank), peer_(peer), messenger_(std::move(pair), *this) {}

  ~RdmaLink() override { say_farewell(); }

  std::optional<size_t> write(std::span<const std::byte> bytes) override {
    look_to_write();
    // A peer that has all it wants may be gone before we hear that it has.
    if (ended_ && !writer_.writing()) return std::nullopt;
    return repeat(bytes, [this](auto rest) { return writer_.write(rest); });
  }

  std::optional<bool> flush() override {
    if (!writer_.gathering()) return true;
    look_to_write();
    if (ended_) return std::nullopt;
    return messenger_.stopped() || writer_.flush();
  }

  std::optional<size_t> read(std::span<std::byte> bytes) override {
    messenger_.look();
    seen_by_reader_ = messenger_.events();
    const size_t done = repeat(bytes, [this](auto rest) { return reader_.read(rest); });
    messenger_.return_credits();
    // What came before the end is still good.
    if (done > 0) return done;
    check();
    if (ended_) return std::nullopt;
    return 0;
  }

  bool arm(bool reading, bool writing, std::vector<pollfd>& polled) override {
    QueuePair& pair = messenger_.pair();
    if (pair.arm() != 0) messenger_.fail("it cannot ask for events");
    messenger_.look();
    const uint64_t events = messenger_.events();
    const bool news = (reading && seen_by_reader_ != events) ||
                      ((writing || writer_.gathering()) && seen_by_writer_ != events);
    if (news || !messenger_.failure().empty()) return false;
    polled.push_back({pair.descriptor(), POLLIN, 0});
    return true;
  }

  void woken(std::span<const pollfd> polled) override {
    if (!polled.empty() && polled[0].revents != 0) messenger_.pair().take_events();
  }

 private:
  bool message(const Message& m, uint32_t slot) override {
    ended_ = ended_ || m.farewell != 0;
    if (m.window_bytes > 0 && !writer_.window_opened({m.window, m.window_key}, m.window_bytes)) {
      messenger_.fail("a window makes no sense");
    }
    const bool needed = m.payload > 0 || m.announced > 0;
    if (needed) reader_.message_came(m, slot);
    return needed;
  }

  void window_filled() override {
    if (!reader_.window_filled()) messenger_.fail("a window was filled that was not open");
  }

  void piece_written() override { writer_.piece_written(); }

  void look_to_write() {
    messenger_.look();
    seen_by_writer_ = messenger_.events();
    check();
  }

  void check() const {
    if (messenger_.failure().empty() || messenger_.stopped()) return;
    Circumstances where;
    where.rank = rank_;
    where.peer = peer_;
    throw PeerLostError(
        concat("its queue pair with rank ", rank_, " failed: ", messenger_.failure()), where);
  }

  // Until nothing moves any more: only then there will be an event.
  template <typename Bytes, typename Move>
  size_t repeat(Bytes bytes, Move move) {
    size_t done = 0;
    while (done < bytes.size() && !messenger_.stopped()) {
      const size_t n = move(bytes.subspan(done));
      if (n == 0) break;
      done += n;
    }
    return done;
  }

  // The peer may not have what we sent: until then the pair must live. A peer
  // that has said farewell waits for nothing more.
  void say_farewell() {
    const bool connected = messenger_.pair().peer_slots() > 0;
    if (connected && !messenger_.stopped()) writer_.flush();
    Message farewell;
    farewell.farewell = 1;
    bool said = false;
    const Deadline deadline = after(kFarewellLimit);
    while (connected && !messenger_.stopped() && !ended_ && Clock::now() < deadline) {
      messenger_.look();
      if (!messenger_.failure().empty()) break;
      if (!said && messenger_.may_send(Purpose::window)) {
        messenger_.post(farewell);
        said = true;
      }
      if (said && !messenger_.busy()) break;
      sched_yield();
    }
    messenger_.pair().abort();
  }

  const int rank_;
  const int peer_;
  Messenger messenger_;
  Writer writer_{messenger_};
  Reader reader_{messenger_};
  bool ended_ = false;  // the peer has said farewell
  uint64_t seen_by_reader_ = 0;
  uint64_t seen_by_writer_ = 0;
};

}  // namespace

std::unique_ptr<Link> make_rdma_link(std::shared_ptr<QueuePair> pair, int rank, int peer) {
  return std::make_unique<RdmaLink>(std::move(pair), rank, peer);
}

}  // namespace mlx::core::distributed::rdma
