#include "mlx/distributed/transports/mpi/mpi_fabric.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/distributed/transports/mpi/meeting.h"
#include "mlx/distributed/transports/mpi/transport.h"
#include "mlx/distributed/transports/patience.h"

namespace mlx::core::distributed::mpi {
namespace {

class MpiFabric final : public Fabric {
 public:
  explicit MpiFabric(Joined joined) : mpi_(std::move(joined.mpi)), job_(std::move(joined.job)) {}

  std::unique_ptr<Transport> connect(uint32_t group, std::vector<int> world_ranks) override {
    wait_for_all(group, world_ranks);
    std::vector<int> hosts;
    for (const int rank : world_ranks) hosts.push_back(host_of(rank));
    const auto here = std::count(hosts.begin(), hosts.end(), host_of(job_->rank()));
    return std::make_unique<MpiTransport>(
        mpi_, communicator(group, world_ranks), std::move(hosts),
        MpiTransport::Options{here > usable_cores(), job_->environment().algorithm.empty()});
  }

 private:
  // Making a communicator blocks, so everybody is there before anybody begins.
  void wait_for_all(uint32_t group, const std::vector<int>& world_ranks) {
    const Deadline deadline = after(job_->environment().limits.connect);
    const auto key = [group](int rank) { return concat("mpi/", group, "/", rank); };
    job_->rendezvous().set(key(job_->rank()), "here");
    for (const int rank : world_ranks) job_->rendezvous().get(key(rank), deadline, rank);
  }

  Comm communicator(uint32_t group, const std::vector<int>& world_ranks) {
    const Library& l = mpi_->library();
    Group everyone = nullptr, members = nullptr;
    Comm comm = nullptr;
    mpi_->call(l.comm_group, mpi_->world(), &everyone);
    mpi_->call(l.group_incl, everyone, static_cast<int>(world_ranks.size()), world_ranks.data(),
               &members);
    mpi_->call(l.comm_create_group, mpi_->world(), members, static_cast<int>(group), &comm);
    mpi_->call(l.group_free, &members);
    mpi_->call(l.group_free, &everyone);
    return comm;
  }

  // The first rank there.
  int host_of(int rank) const {
    const auto& host = job_->member(rank).host_id;
    int first = 0;
    while (job_->member(first).host_id != host) ++first;
    return first;
  }

  const std::shared_ptr<Runtime> mpi_;
  const std::shared_ptr<Job> job_;
};

}  // namespace

std::string obstacle() {
  std::string reason;
  load(read_environment().mpi_library, &reason);
  return reason;
}

Joined join() {
  const Environment environment = read_environment();
  if (!environment.started_by_mpi) return {};
  std::string reason;
  const Library* library = load(environment.mpi_library, &reason);
  if (!library) throw DistributedError(concat("[mpi] ", reason));
  auto mpi = Runtime::get(*library);
  if (mpi->size() == 1) return {};
  auto job = meet(*mpi, environment);
  return {std::move(mpi), std::move(job)};
}

std::shared_ptr<Fabric> make_mpi_fabric(Joined joined) {
  return std::make_shared<MpiFabric>(std::move(joined));
}

}  // namespace mlx::core::distributed::mpi
