#pragma once

// The transport over NCCL. Data in the memory of GPUs moves by NCCL; the headers
// that say which collective it is, and data in the memory of the host, go over
// links between the processes.

#include <memory>

#include "mlx/distributed/transport.h"
#include "mlx/distributed/transports/nccl/communicator.h"

namespace mlx::core::distributed::nccl {

class NcclTransport final : public Transport {
 public:
  /// `links` connects `control`, and that of the group's parts.
  NcclTransport(std::shared_ptr<Gpu> gpu, std::unique_ptr<Communicator> communicator,
                std::shared_ptr<Fabric> links, std::unique_ptr<Transport> control)
      : gpu_(std::move(gpu)),
        communicator_(std::move(communicator)),
        links_(std::move(links)),
        control_(std::move(control)) {}

  int rank() const override { return control_->rank(); }
  int size() const override { return control_->size(); }
  int host_of(int peer) const override { return control_->host_of(peer); }
  Ticket send(int peer, std::span<const std::byte> bytes) override {
    return control_->send(peer, bytes);
  }
  Ticket recv(int peer, std::span<std::byte> bytes) override { return control_->recv(peer, bytes); }
  void wait(Ticket ticket, Deadline deadline) override { control_->wait(ticket, deadline); }
  size_t wait_any(std::span<const Ticket> tickets, Deadline deadline) override {
    return control_->wait_any(tickets, deadline);
  }
  void abort() noexcept override;

  /// What is on GPUs. Errors: std::invalid_argument for a reduction that NCCL does
  ///         not have, or memory that is not a GPU's.
  bool is_native(const Collective& collective) const override;
  void run_native(const Collective& collective, Deadline deadline) override;
  bool is_native(std::span<const Transfer> transfers) const override;
  void run_native(std::span<const Transfer> transfers, Deadline deadline) override;

  bool can_split() const override { return communicator_->can_split(); }
  std::unique_ptr<Transport> split(const Part& part, Deadline deadline) override;

 private:
  void check_memory(const char* operation, std::span<const std::byte> bytes) const;

  const std::shared_ptr<Gpu> gpu_;
  const std::unique_ptr<Communicator> communicator_;
  const std::shared_ptr<Fabric> links_;
  const std::unique_ptr<Transport> control_;
};

}  // namespace mlx::core::distributed::nccl
