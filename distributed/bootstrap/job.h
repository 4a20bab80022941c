#pragma once

// This process as a member of its job: where the other ranks are, and word of
// what happens to them.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/bootstrap/rendezvous.h"
#include "mlx/distributed/bootstrap/socket.h"

namespace mlx::core::distributed {

class Job {
 public:
  /// Ids of groups below are for the groups of all ranks, one for each backend.
  static constexpr uint32_t kFirstFreeGroup = 16;

  using Listener = std::function<void(const Failure&)>;

  struct Member {
    std::string host_id;              ///< equal: the same host
    std::vector<Endpoint> endpoints;  ///< where it accepts connections for data
  };

  /// Serves the rendezvous if that is our part, and waits until every rank of
  /// the job is here.
  /// Errors: TimeoutError naming a rank that is missing, AuthenticationError,
  ///         PeerLostError when one died meanwhile.
  explicit Job(Environment environment);
  /// Leaves. Who serves the rendezvous stays until the last rank has left.
  ~Job();

  const Environment& environment() const { return environment_; }
  int rank() const { return environment_.rank; }
  int size() const { return environment_.world_size; }
  const Member& member(int rank) const { return members_[static_cast<size_t>(rank)]; }

  /// Where the ranks can leave each other word.
  Rendezvous& rendezvous() { return *rendezvous_; }

  /// Group ids that this process has not used start here. Those of take_ids()
  /// are used afterwards; false, and none is, when one of them was before.
  uint32_t next_id() const { return next_group_; }
  bool take_ids(uint32_t first, uint32_t end);

  /// Meets those of a group's ranks that are still in the job, see Rendezvous::meet.
  Meeting meet(uint32_t group, const std::vector<int>& ranks);

  /// The sockets on which connections for data arrive. For one owner.
  std::vector<Socket> take_listeners() { return std::move(listeners_); }

  /// Calls the listener for everything that has happened and will happen,
  /// until unsubscribe(). From another thread; must not block.
  int subscribe(Listener listener);
  void unsubscribe(int id);

  /// As subscribe(), for those who watch connections.
  int watch(Rendezvous::Watch watch);
  void unwatch(int id);

  /// Tells the other ranks.
  void report(const Failure& failure) { rendezvous_->report(failure); }
  /// Tells the other ranks and our own listeners.
  void declare(const Failure& failure);
  void tell(const Silence& silence) { rendezvous_->tell(silence); }

 private:
  void hear(const Failure& failure);
  Rendezvous::Watch everybodys_watch();
  void publish_ourselves();
  void learn_the_others(Deadline deadline);

  Environment environment_;
  std::vector<Socket> listeners_;
  std::vector<Member> members_;

  std::atomic<uint32_t> next_group_ = kFirstFreeGroup;

  std::mutex mutex_;
  std::map<int, Listener> subscribers_;  // by mutex_
  std::mutex watch_mutex_;
  std::map<int, Rendezvous::Watch> watches_;  // by watch_mutex_
  std::vector<Failure> heard_;                // by mutex_
  int next_id_ = 0;                           // by mutex_

  // Last, so that they go first: their threads call hear().
  std::unique_ptr<RendezvousServer> server_;
  std::unique_ptr<Rendezvous> rendezvous_;
};

}  // namespace mlx::core::distributed
