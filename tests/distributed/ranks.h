#pragma once

// Ranks as threads: the memory transport, or real transports over a job whose
// members all live in this process.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mlx/distributed/bootstrap/environment.h"
#include "mlx/distributed/distributed.h"
#include "mlx/distributed/group.h"
#include "mlx/distributed/transport.h"

namespace mlx::core::distributed::testing {

/// Runs `body` once for each rank, each on its own thread, and returns when all
/// have ended. An exception of a rank fails the test.
void on_threads(int ranks, const std::function<void(int)>& body);

/// Groups of one job, one for each rank.
struct Groups {
  std::vector<std::shared_ptr<detail::GroupImpl>> ranks;
  /// What the job is made of; ends after the groups.
  std::vector<std::shared_ptr<void>> rest;
};

/// `transport`: "memory", "two_copies": memory without loans, a row of the registry, "mixed": auto,
/// where two ranks at a time believe to be on a host of their own, "striped": TCP with two
/// connections at each of two addresses, or "fake_rdma": RDMA over the stand-in
/// for the library. `detail`: as MLX_DISTRIBUTED_DEBUG=detail.
Groups make_groups(const std::string& transport, int ranks,
                   Milliseconds operation_limit = Milliseconds{20'000},
                   const std::string& algorithm = "", bool detail = false);

/// The ranks of on_groups().
constexpr int kRanks = 3;

/// Runs `body` on each rank of a job over memory, as threads.
void on_groups(const std::function<void(Group)>& body);

/// The environments of a job on the loopback address; a server must run there.
Environment environment_of(int rank, int ranks, const Endpoint& rendezvous, const Secret& secret);

}  // namespace mlx::core::distributed::testing
