#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/doorkeeper.h"
#include "mlx/distributed/bootstrap/log.h"
#include "mlx/distributed/transports/network.h"
#include "mlx/distributed/transports/offer.h"
#include "mlx/distributed/transports/striped_link.h"

namespace mlx::core::distributed {

struct Reception::Impl {
  explicit Impl(Job& job_)
      : job(job_),
        door(job.take_listeners(), job.environment().secret,
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
      const bool share = job.member(rank).host_id == job.member(job.rank()).host_id;
      auto pulse = pulse_of(guest.identity.group, rank);
      put(guest.identity.group, rank,
          answer_offer(std::move(guest.socket), share, std::move(pulse)));
      const std::lock_guard lock(mutex);
      const auto bell = bells.find(guest.identity.group);
      if (bell != bells.end()) bell->second->ring();
    } catch (const DistributedError& error) {
      log_warning(concat("Dropped a data connection of rank ", rank, ": ", error.what()));
    }
  }

  std::shared_ptr<Pulse> pulse_of(uint32_t group, int rank) {
    const std::lock_guard lock(mutex);
    auto& pulse = arriving[{group, rank}].pulse;
    if (!pulse) pulse = std::make_shared<Pulse>();
    return pulse;
  }

  void put(uint32_t group, int rank, Agreement agreement) {
    const std::lock_guard lock(mutex);
    auto& links = arriving[{group, rank}].links;
    const auto [number, count] = agreement.strand;
    if (links.empty()) links.resize(count);
    if (links.size() != count) {
      throw DistributedError(
          concat("it is one of ", count, " connections, the first of ", links.size()));
    }
    links[number] = std::move(agreement.link);
  }

  // The connections of a pair, as they come.
  struct Arriving {
    std::vector<std::unique_ptr<Link>> links;  // null: not here yet
    std::shared_ptr<Pulse> pulse;              // of all of them

    bool complete() const {
      return !links.empty() && std::find(links.begin(), links.end(), nullptr) == links.end();
    }
  };

  static constexpr Milliseconds kHandshakeLimit{5000};

  Job& job;
  Bell stop;
  std::atomic<bool> stopping = false;
  Doorkeeper door;
  std::mutex mutex;
  std::map<std::pair<uint32_t, int>, Arriving> arriving;  // by group and rank, by mutex
  std::map<uint32_t, Bell*> bells;                        // by mutex
  std::thread thread;
};

Reception::Reception(std::shared_ptr<Job> job, LinkChoice choice)
    : job_(std::move(job)), choice_(choice), impl_(std::make_unique<Impl>(*job_)) {}

Reception::~Reception() = default;

Reception::Arrival Reception::take(uint32_t group, int world_rank) {
  const std::lock_guard lock(impl_->mutex);
  const auto at = impl_->arriving.find({group, world_rank});
  if (at == impl_->arriving.end() || !at->second.complete()) return {};
  auto [links, pulse] = std::move(impl_->arriving.extract(at).mapped());
  return {make_striped_link(std::move(links)), std::move(pulse)};
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
