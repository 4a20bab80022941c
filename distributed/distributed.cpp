#include "mlx/distributed/distributed.h"

#include <map>
#include <mutex>
#include <numeric>
#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/group.h"
#include "mlx/distributed/transports/memory.h"
#include "mlx/distributed/transports/registry.h"

namespace mlx::core::distributed {
namespace {

using detail::GroupImpl;

// A group over a job: hears what happens to the job's ranks as long as it lives.
class JobGroup final : public GroupImpl {
 public:
  JobGroup(std::shared_ptr<Job> job, std::unique_ptr<Transport> transport)
      : GroupImpl(std::move(transport), options_for(*job)), job_(std::move(job)) {
    subscription_ = job_->subscribe([this](const Failure& failure) { notice(failure); });
  }
  ~JobGroup() override { job_->unsubscribe(subscription_); }

 private:
  static detail::GroupOptions options_for(Job& job) {
    const Environment& e = job.environment();
    detail::GroupOptions options;
    options.generation = e.generation;
    options.world_ranks.resize(static_cast<size_t>(e.world_size));
    std::iota(options.world_ranks.begin(), options.world_ranks.end(), 0);
    options.operation_limit = e.limits.operation;
    options.algorithm = e.algorithm;
    options.flight_folder = e.flight_folder;
    options.report = [&job](const Failure& failure) { job.report(failure); };
    return options;
  }

  const std::shared_ptr<Job> job_;
  int subscription_ = 0;
};

struct Made {
  std::shared_ptr<GroupImpl> group;
  bool by_job = false;  // else alone, for want of one
};

struct Cache {
  std::mutex mutex;
  std::map<std::string, Made> groups;
};

Cache& cache() {
  static Cache instance;
  return instance;
}

std::shared_ptr<GroupImpl> group_of_one() {
  detail::GroupOptions options;
  options.world_ranks = {0};
  return std::make_shared<GroupImpl>(std::move(make_memory_transports(1)[0]), std::move(options));
}

Made make_group(bool available) {
  Environment environment = read_environment();
  const bool by_job = available && environment.rendezvous.has_value();
  if (!by_job || environment.world_size == 1) return {group_of_one(), by_job};
  const TransportKind& kind = transport_kind(environment.transport);
  auto job = std::make_shared<Job>(std::move(environment));
  auto transport = kind.make(job);
  return {std::make_shared<JobGroup>(std::move(job), std::move(transport)), by_job};
}

}  // namespace

bool is_available() { return true; }

bool is_available(const std::string& bk) {
  if (bk == "any" || bk == "ring") return true;
  require(bk == "mpi" || bk == "nccl" || bk == "jaccl", "[distributed] No such backend: got \"", bk,
          "\", expected any, ring, mpi, nccl or jaccl.");
  return false;
}

int Group::rank() const { return group_->rank(); }

int Group::size() const { return group_->size(); }

Group Group::split(int, int) const {
  throw std::runtime_error(
      concat("[split] The group of ", size(), " ranks cannot be divided: no backend can yet."));
}

Group init(bool strict, const std::string& bk) {
  const bool available = is_available(bk);
  Cache& all = cache();
  const std::lock_guard lock(all.mutex);
  // "any" is "ring": they share the group.
  Made& made = all.groups[available ? "ring" : bk];
  if (!made.group) made = make_group(available);
  if (strict && !made.by_job) {
    throw std::runtime_error(
        available ? "[init] There is no job: expected MLX_WORLD_SIZE and MLX_RENDEZVOUS or "
                    "MLX_HOSTFILE in the environment, as mlx-launch sets them."
                  : concat("[init] The backend ", bk, " is not available."));
  }
  return Group(made.group);
}

Group init(bool strict, const std::string& bk, AllGatherFactory) {
  require(bk == "jaccl", "[init] Only jaccl meets through the program: got \"", bk, "\".");
  return init(strict, bk);
}

void clear_backends() {
  // Ended outside the lock: that joins threads.
  std::map<std::string, Made> groups;
  {
    const std::lock_guard lock(cache().mutex);
    groups.swap(cache().groups);
  }
}

}  // namespace mlx::core::distributed
