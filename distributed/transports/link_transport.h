#pragma once

// The transport over links: queues of transfers per peer, and one place that
// waits. While it waits for one transfer all others move on, whatever the kind
// of their links. It looks again a few times, then between looks offers the
// processor to others (at once when ranks share it), and then sleeps in poll(2).

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transport.h"
#include "mlx/distributed/transports/connector.h"

namespace mlx::core::distributed {

class LinkTransport final : public Transport {
 public:
  explicit LinkTransport(std::unique_ptr<Connector> connector);

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(peers_.size()); }
  int host_of(int peer) const override { return connector_->host_of(peer); }
  Ticket send(int peer, std::span<const std::byte> bytes) override;
  Ticket recv(int peer, std::span<std::byte> bytes) override;
  Ticket post(int peer, std::span<const std::byte> bytes) override;
  void wait(Ticket ticket, Deadline deadline) override { wait_any({&ticket, 1}, deadline); }
  size_t wait_any(std::span<const Ticket> tickets, Deadline deadline) override;
  void abort() noexcept override;

 private:
  struct Peer {
    std::unique_ptr<Link> link;
    struct Send {
      std::span<const std::byte> bytes;
      bool posted;
    };
    std::deque<Send> sends;
    std::deque<std::span<std::byte>> recvs;
    uint64_t sends_done = 0;
    uint64_t recvs_done = 0;
    bool unflushed = false;

    bool pending() const { return !sends.empty() || !recvs.empty() || unflushed; }
  };

  Ticket start(int peer, Peer::Send send);
  void activate(int peer);
  bool done(Ticket ticket) const;
  std::optional<size_t> any_done(std::span<const Ticket> tickets) const;
  bool progress();
  void progress(int peer);
  void keep(int peer, std::unique_ptr<Link> link);
  bool push(Peer& peer);
  bool pull(Peer& peer);
  std::optional<size_t> spin(std::span<const Ticket> tickets);
  void sleep(Deadline deadline);
  void check_aborted() const;
  Circumstances about(int peer) const;
  [[noreturn]] void lost(int peer) const;

  std::unique_ptr<Connector> connector_;
  const int rank_;
  const bool crowded_;        // more ranks than cores
  bool shares_core_ = false;  // with a peer, as far as we know
  std::vector<Peer> peers_;
  std::vector<int> active_;  // peers with something pending
  struct Armed {
    Link* link;
    size_t begin;  // of what it added to polled_
  };
  std::vector<pollfd> polled_;
  std::vector<Armed> armed_;
  std::mutex mutex_;  // of setting a link, and of aborting
  std::atomic<bool> aborted_ = false;
};

}  // namespace mlx::core::distributed
