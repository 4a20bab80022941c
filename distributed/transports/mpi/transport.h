#pragma once

// The transport over MPI: messages as MPI_Isend and MPI_Irecv, collectives as
// MPI's own where those are faster than ours. It never blocks inside MPI.

#include <atomic>
#include <deque>
#include <memory>
#include <vector>

#include "mlx/distributed/transport.h"
#include "mlx/distributed/transports/mpi/runtime.h"

namespace mlx::core::distributed::mpi {

class MpiTransport final : public Transport {
 public:
  struct Options {
    bool crowded = false;  ///< more ranks than cores on this host
    bool native = true;    ///< may use collectives of MPI
  };

  /// `comm` has the ranks of the group in its order and becomes ours. `hosts`:
  /// which host each is on.
  MpiTransport(std::shared_ptr<Runtime> mpi, Comm comm, std::vector<int> hosts, Options options);
  ~MpiTransport() override;

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(hosts_.size()); }
  int host_of(int peer) const override { return hosts_[static_cast<size_t>(peer)]; }

  Ticket send(int peer, std::span<const std::byte> bytes) override;
  Ticket recv(int peer, std::span<std::byte> bytes) override;
  void wait(Ticket ticket, Deadline deadline) override { wait_any({&ticket, 1}, deadline); }
  size_t wait_any(std::span<const Ticket> tickets, Deadline deadline) override;
  void abort() noexcept override;
  void hold(std::shared_ptr<void> memory) override { held_.push_back(std::move(memory)); }

  bool is_native(const Collective& collective) const override;
  void run_native(const Collective& collective, Deadline deadline) override;

 private:
  /// A message under way. Short ones go through memory of our own, so that MPI
  /// never looks at a stack after a failure.
  struct Message {
    std::vector<Request> requests = {};
    size_t complete = 0;  // how many of them are
    std::vector<std::byte> own = {};
    std::span<std::byte> out = {};  // where to copy what arrives in `own`
  };
  /// Those from or to one peer. They complete in their order: who waits for one
  /// has waited for all before it.
  struct Line {
    std::deque<Message> messages = {};
    uint64_t complete = 0;  // messages so far
  };
  struct Limbo;
  struct Layout;

  bool done(Ticket ticket);
  void finish(Line& line);
  bool finish(Message& message);
  bool idle();
  void check_aborted() const;
  void wait_native(Deadline deadline);

  const std::shared_ptr<Runtime> mpi_;
  Comm comm_;
  const std::vector<int> hosts_;
  const Options options_;
  int rank_ = 0;
  std::vector<Line> sends_, recvs_;  // by peer
  Request native_;
  std::shared_ptr<Layout> layout_;           // of the collective under way
  std::vector<std::shared_ptr<void>> held_;  // memory that MPI may still use
  std::atomic<bool> aborted_ = false;
};

}  // namespace mlx::core::distributed::mpi
