#include "mlx/distributed/transports/nccl/nccl_fabric.h"

#include <algorithm>
#include <cstring>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transports/nccl/transport.h"

namespace mlx::core::distributed::nccl {
namespace {

class NcclFabric final : public Fabric {
 public:
  NcclFabric(std::shared_ptr<Job> job, std::shared_ptr<Fabric> links, const Libraries& libraries)
      : job_(std::move(job)),
        links_(std::move(links)),
        gpu_(std::make_shared<Gpu>(libraries, job_->environment().local_rank)) {}

  std::unique_ptr<Transport> connect(uint32_t group, std::vector<int> world_ranks) override {
    const Deadline deadline = after(job_->environment().limits.connect);
    const auto self = std::find(world_ranks.begin(), world_ranks.end(), job_->rank());
    const int rank = static_cast<int>(self - world_ranks.begin());
    const int size = static_cast<int>(world_ranks.size());
    const UniqueId id = agree_on_id(group, rank, deadline);
    auto communicator = std::make_unique<Communicator>(gpu_, id, rank, size, deadline);
    return std::make_unique<NcclTransport>(gpu_, std::move(communicator), links_,
                                           links_->connect(group, std::move(world_ranks)));
  }

 private:
  // The first rank of the group makes it.
  UniqueId agree_on_id(uint32_t group, int rank, Deadline deadline) {
    const std::string key = concat("nccl/", group);
    UniqueId id{};
    if (rank == 0) {
      gpu_->use();
      const int result = gpu_->libraries().nccl.get_unique_id.address(&id);
      if (result != kSuccess) {
        throw DistributedError(concat("[nccl] ncclGetUniqueId failed: ",
                                      gpu_->libraries().nccl.get_error_string(result), "."));
      }
      job_->rendezvous().set(key, {id.bytes, sizeof id.bytes});
      return id;
    }
    const std::string text = job_->rendezvous().get(key, deadline);
    require(text.size() == sizeof id.bytes, "[nccl] The first rank published nonsense.");
    std::memcpy(id.bytes, text.data(), sizeof id.bytes);
    return id;
  }

  const std::shared_ptr<Job> job_;
  const std::shared_ptr<Fabric> links_;
  const std::shared_ptr<Gpu> gpu_;
};

}  // namespace

std::string obstacle() {
  std::string reason;
  system_libraries(&reason);
  return reason;
}

std::shared_ptr<Fabric> make_nccl_fabric(std::shared_ptr<Job> job, std::shared_ptr<Fabric> links,
                                         const Libraries& libraries) {
  return std::make_shared<NcclFabric>(std::move(job), std::move(links), libraries);
}

std::shared_ptr<Fabric> make_nccl_fabric(std::shared_ptr<Job> job, std::shared_ptr<Fabric> links) {
  std::string reason;
  const Libraries* libraries = system_libraries(&reason);
  if (!libraries) throw DistributedError(concat("[nccl] ", reason));
  return make_nccl_fabric(std::move(job), std::move(links), *libraries);
}

}  // namespace mlx::core::distributed::nccl
