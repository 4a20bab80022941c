#pragma once

// A job and the way its data moves: where groups come from.

#include <cstdint>
#include <memory>
#include <vector>

#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/group.h"
#include "mlx/distributed/transport.h"

namespace mlx::core::distributed {

class World final : public detail::Origin, public std::enable_shared_from_this<World> {
 public:
  /// `id` is that of the group of all ranks: another one for each world of the
  /// same job, below Job::kFirstFreeGroup.
  World(std::shared_ptr<Job> job, std::shared_ptr<Fabric> fabric, uint32_t id = 0)
      : job_(std::move(job)), fabric_(std::move(fabric)), id_(id) {}

  Job& job() { return *job_; }

  /// The group of all ranks of the job, in their order.
  std::shared_ptr<detail::GroupImpl> everyone();

  uint32_t next_id() override { return job_->next_id(); }
  bool take_ids(uint32_t first, uint32_t end) override { return job_->take_ids(first, end); }
  /// It hears what happens to the job's ranks as long as it lives.
  std::shared_ptr<detail::GroupImpl> group(uint32_t id, uint64_t generation,
                                           std::vector<int> world_ranks,
                                           std::unique_ptr<Transport> transport) override;
  Meeting meet_again(uint32_t group, const std::vector<int>& world_ranks) override {
    return job_->meet(group, world_ranks);
  }

 private:
  const std::shared_ptr<Job> job_;
  const std::shared_ptr<Fabric> fabric_;
  const uint32_t id_;
};

}  // namespace mlx::core::distributed
