#include "mlx/distributed/backends.h"

#include <mutex>

#include "mlx/core/base/error.h"
#include "mlx/distributed/transports/mpi/mpi_fabric.h"
#include "mlx/distributed/transports/nccl/nccl_fabric.h"
#include "mlx/distributed/transports/rdma/rdma_fabric.h"
#include "mlx/distributed/transports/registry.h"

namespace mlx::core::distributed {
namespace {

std::string none() { return ""; }

constexpr const char* kAlone =
    "The job has no other rank: got 1 by MLX_WORLD_SIZE, MLX_HOSTFILE or MLX_IBV_DEVICES, expected "
    "2 or more.";

std::string no_job_in_environment() {
  if (!read_environment().rendezvous) {
    return "The environment describes no job: got none of MLX_RENDEZVOUS, MLX_HOSTFILE, "
           "MLX_JACCL_COORDINATOR and NCCL_HOST_IP, expected one, as mlx-launch sets them.";
  }
  return kAlone;
}

std::string no_job_of_mpi() {
  if (read_environment().started_by_mpi) {
    return "The job of MPI has no other rank: got 1, expected 2 or more.";
  }
  return "No launcher of MPI started this process: got none of OMPI_COMM_WORLD_SIZE, PMIX_RANK "
         "and PMI_RANK in the environment, expected those of mpirun or srun.";
}

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

// Its links between processes, which have one owner.
std::shared_ptr<Fabric> links_of(const std::shared_ptr<Job>& job) {
  static std::mutex mutex;
  static std::weak_ptr<Job> owner;
  static std::weak_ptr<Fabric> opened;
  const std::lock_guard lock(mutex);
  auto links = owner.lock() == job ? opened.lock() : nullptr;
  if (!links) links = fabric_kind(job->environment().transport).open(job);
  owner = job;
  opened = links;
  return links;
}

std::shared_ptr<World> join_ring() {
  auto job = environment_job();
  if (!job) return nullptr;
  auto fabric = links_of(job);
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

std::shared_ptr<World> join_nccl() {
  constexpr uint32_t kEveryone = 3;
  auto job = environment_job();
  if (!job) return nullptr;
  auto fabric = nccl::make_nccl_fabric(job, links_of(job));
  return std::make_shared<World>(std::move(job), std::move(fabric), kEveryone);
}

constexpr Backend kBackends[] = {
    {"nccl", nccl::obstacle, false, join_nccl, no_job_in_environment},
    {"ring", none, true, join_ring, no_job_in_environment},
    {"mpi", mpi::obstacle, true, join_mpi, no_job_of_mpi},
    {"rdma", rdma::obstacle, true, join_rdma, no_job_in_environment},
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
