#pragma once

// Links between the processes of a job. A pair connects over TCP and proves
// itself; if both run on one host, the lower rank then offers shared memory,
// and the connection remains to wake the other end and to tell when it dies.

#include <memory>
#include <vector>

#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/transport.h"
#include "mlx/distributed/transports/connector.h"
#include "mlx/distributed/transports/pulse.h"

namespace mlx::core::distributed {

/// Which links a pair may use.
enum class LinkChoice : uint8_t {
  tcp,   ///< TCP only
  shm,   ///< shared memory only; other pairs are refused
  mixed  ///< shared memory within a host, TCP between hosts
};

/// Accepts the connections for data of this process, for all its groups.
class Reception {
 public:
  Reception(std::shared_ptr<Job> job, LinkChoice choice);
  ~Reception();

  struct Arrival {
    std::unique_ptr<Link> link;  ///< null: none yet
    std::shared_ptr<Pulse> pulse;
  };
  /// The link that the rank has made for that group, if it has.
  Arrival take(uint32_t group, int world_rank);
  /// The bell rings when a link for the group has come; null: no longer.
  void announce(uint32_t group, Bell* bell);

  Job& job() { return *job_; }
  LinkChoice choice() const { return choice_; }

 private:
  struct Impl;
  const std::shared_ptr<Job> job_;
  const LinkChoice choice_;
  std::unique_ptr<Impl> impl_;
};

/// `world_ranks` are the members of the group in its own order.
std::unique_ptr<Connector> make_network_connector(std::shared_ptr<Reception> reception,
                                                  uint32_t group, std::vector<int> world_ranks);

/// Links of that choice between the ranks of the job.
std::unique_ptr<Fabric> make_link_fabric(std::shared_ptr<Job> job, LinkChoice choice);

}  // namespace mlx::core::distributed
