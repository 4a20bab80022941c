#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/doorkeeper.h"
#include "mlx/distributed/bootstrap/log.h"
#include "mlx/distributed/transports/network.h"
#include "mlx/distributed/transports/offer.h"

namespace mlx::core::distributed {

struct Reception::Impl {
  explicit Impl(Job& job_)
      : job(job_),
        door(job.take_listener(), job.environment().secret,
             {job.environment().generation, job.rank(), Identity::Purpose::data, 0},
             kHandshakeLimit),
        thread([this] { run(); }) {}

  ~Impl() {
    stopping = true;
    stop.ring();
    thread.join();
  }

  void run() {
    while (!stopping) {
      std::vector<pollfd> polled{{stop.fd(), POLLIN, 0}};
      door.watch(polled);
      poll(polled.data(), polled.size(), poll_timeout(door.wake_by()));
      for (auto& guest : door.serve()) admit(std::move(guest));
    }
  }

  void admit(Doorkeeper::Guest guest) {
    const int rank = guest.identity.rank;
    try {
      const bool lower = rank >= 0 && rank < job.rank();
      if (!lower) throw DistributedError("only a lower rank connects to us");
      auto pulse = std::make_shared<Pulse>();
      auto link = answer_offer(std::move(guest.socket),
                               job.member(rank).host_id == job.member(job.rank()).host_id, pulse);
      const std::lock_guard lock(mutex);
      arrived[{guest.identity.group, rank}] = {std::move(link), std::move(pulse)};
      const auto bell = bells.find(guest.identity.group);
      if (bell != bells.end()) bell->second->ring();
    } catch (const DistributedError& error) {
      log_warning(concat("Dropped a data connection of rank ", rank, ": ", error.what()));
    }
  }

  static constexpr Milliseconds kHandshakeLimit{5000};

  Job& job;
  Bell stop;
  std::atomic<bool> stopping = false;
  Doorkeeper door;
  std::mutex mutex;
  std::map<std::pair<uint32_t, int>, Arrival> arrived;  // by mutex
  std::map<uint32_t, Bell*> bells;                      // by mutex
  std::thread thread;
};

Reception::Reception(std::shared_ptr<Job> job, LinkChoice choice)
    : job_(std::move(job)), choice_(choice), impl_(std::make_unique<Impl>(*job_)) {}

Reception::~Reception() = default;

Reception::Arrival Reception::take(uint32_t group, int world_rank) {
  const std::lock_guard lock(impl_->mutex);
  const auto at = impl_->arrived.find({group, world_rank});
  if (at == impl_->arrived.end()) return {};
  return std::move(impl_->arrived.extract(at).mapped());
}

void Reception::announce(uint32_t group, Bell* bell) {
  const std::lock_guard lock(impl_->mutex);
  if (bell) {
    impl_->bells[group] = bell;
  } else {
    impl_->bells.erase(group);
  }
}

}  // namespace mlx::core::distributed
