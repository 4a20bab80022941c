#include "mlx/distributed/backends.h"

#include <mutex>

#include "mlx/core/base/error.h"
#include "mlx/distributed/transports/mpi/mpi_fabric.h"
#include "mlx/distributed/transports/rdma/rdma_fabric.h"
#include "mlx/distributed/transports/registry.h"

namespace mlx::core::distributed {
namespace {

bool always() { return true; }

// The job that the environment describes: a process joins it once, whatever
// the number of its backends. Null if there is none.
std::shared_ptr<Job> environment_job() {
  static std::mutex mutex;
  static std::weak_ptr<Job> joined;
  const std::lock_guard lock(mutex);
  if (auto job = joined.lock()) return job;
  Environment environment = read_environment();
  if (!environment.rendezvous || environment.world_size == 1) return nullptr;
  auto job = std::make_shared<Job>(std::move(environment));
  joined = job;
  return job;
}

std::shared_ptr<World> join_ring() {
  auto job = environment_job();
  if (!job) return nullptr;
  auto fabric = fabric_kind(job->environment().transport).open(job);
  return std::make_shared<World>(std::move(job), std::move(fabric));
}

std::shared_ptr<World> join_rdma() {
  constexpr uint32_t kEveryone = 1;
  auto job = environment_job();
  if (!job) return nullptr;
  auto fabric = rdma::make_rdma_fabric(job);
  return std::make_shared<World>(std::move(job), std::move(fabric), kEveryone);
}

std::shared_ptr<World> join_mpi() {
  constexpr uint32_t kEveryone = 2;
  mpi::Joined joined = mpi::join();
  if (!joined.job) return nullptr;
  auto job = joined.job;
  return std::make_shared<World>(std::move(job), mpi::make_mpi_fabric(std::move(joined)),
                                 kEveryone);
}

constexpr Backend kBackends[] = {
    {"ring", always, join_ring},
    {"mpi", mpi::is_available, join_mpi},
    {"rdma", rdma::is_available, join_rdma},
};

}  // namespace

std::span<const Backend> backends() { return kBackends; }

const Backend& backend(std::string_view name) {
  if (name == "jaccl") name = "rdma";
  for (const Backend& b : kBackends) {
    if (b.name == name) return b;
  }
  throw_invalid("[distributed] No such backend: got \"", name,
                "\", expected any, ring, mpi, rdma, jaccl or nccl.");
}

}  // namespace mlx::core::distributed
