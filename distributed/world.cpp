#include "mlx/distributed/world.h"

#include <numeric>

namespace mlx::core::distributed {
namespace {

using detail::GroupImpl;
using detail::GroupOptions;

GroupOptions options_for(Job& job) {
  const Environment& e = job.environment();
  GroupOptions options;
  options.operation_limit = e.limits.operation;
  options.algorithm = e.algorithm;
  options.flight_folder = e.flight_folder;
  options.detail = e.detail;
  options.report = [&job](const Failure& failure) { job.report(failure); };
  return options;
}

class JobGroup final : public GroupImpl {
 public:
  JobGroup(std::shared_ptr<World> world, std::unique_ptr<Transport> transport, GroupOptions options)
      : GroupImpl(std::move(transport), std::move(options)), world_(std::move(world)) {
    subscription_ = world_->job().subscribe([this](const Failure& failure) { notice(failure); });
  }
  ~JobGroup() override { world_->job().unsubscribe(subscription_); }

 private:
  const std::shared_ptr<World> world_;
  int subscription_ = 0;
};

}  // namespace

std::shared_ptr<GroupImpl> World::everyone() {
  std::vector<int> ranks(static_cast<size_t>(job_->size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return group(id_, job_->environment().generation, std::move(ranks), nullptr);
}

std::shared_ptr<GroupImpl> World::group(uint32_t id, uint64_t generation,
                                        std::vector<int> world_ranks,
                                        std::unique_ptr<Transport> transport) {
  if (!transport) transport = fabric_->connect(id, world_ranks);
  GroupOptions options = options_for(*job_);
  options.generation = generation;
  options.group = id;
  options.world_ranks = std::move(world_ranks);
  options.origin = shared_from_this();
  return std::make_shared<JobGroup>(shared_from_this(), std::move(transport), std::move(options));
}

}  // namespace mlx::core::distributed
