#include "distributed/ranks.h"

#include <gtest/gtest.h>

#include <mutex>
#include <numeric>
#include <thread>

#include "distributed/rdma/fake_verbs.h"
#include "mlx/distributed/bootstrap/job.h"
#include "mlx/distributed/transports/memory.h"
#include "mlx/distributed/transports/rdma/rdma_fabric.h"
#include "mlx/distributed/transports/registry.h"
#include "mlx/distributed/world.h"

namespace mlx::core::distributed::testing {

void on_threads(int ranks, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([rank, &body] {
      try {
        body(rank);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "rank " << rank << ": " << error.what();
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

namespace {

detail::GroupOptions options_of(int ranks, Milliseconds limit, const std::string& algorithm) {
  detail::GroupOptions options;
  options.world_ranks.resize(static_cast<size_t>(ranks));
  std::iota(options.world_ranks.begin(), options.world_ranks.end(), 0);
  options.operation_limit = limit;
  options.algorithm = algorithm;
  return options;
}

// Threads hear of each other's failures directly.
Groups make_memory_groups(int ranks, Milliseconds limit, const std::string& algorithm) {
  Groups groups;
  auto board = std::make_shared<std::vector<detail::GroupImpl*>>();
  for (auto& transport : make_memory_transports(ranks)) {
    auto options = options_of(ranks, limit, algorithm);
    options.report = [board](const Failure& failure) {
      for (auto* group : *board) group->notice(failure);
    };
    groups.ranks.push_back(
        std::make_shared<detail::GroupImpl>(std::move(transport), std::move(options)));
    board->push_back(groups.ranks.back().get());
  }
  return groups;
}

std::shared_ptr<Fabric> open_fabric(const std::string& transport, std::shared_ptr<Job> job) {
  if (transport == "fake_rdma") return rdma::make_rdma_fabric(std::move(job), fake_verbs());
  return fabric_kind(transport == "mixed" ? "auto" : transport).open(std::move(job));
}

Groups make_job_groups(const std::string& transport, int ranks, Milliseconds limit,
                       const std::string& algorithm) {
  Groups groups;
  groups.ranks.resize(static_cast<size_t>(ranks));
  const Secret secret = Secret::random();
  auto server = std::make_shared<RendezvousServer>(
      RendezvousServer::Options{{"127.0.0.1", 0}, secret, 0, ranks});
  std::mutex mutex;
  on_threads(ranks, [&](int rank) {
    Environment environment = environment_of(rank, ranks, server->address(), secret);
    const bool mixed = transport == "mixed";
    if (mixed) environment.host_id = "host " + std::to_string(rank / 2);
    environment.limits.operation = limit;
    environment.algorithm = algorithm;
    auto job = std::make_shared<Job>(environment);
    auto fabric = open_fabric(transport, job);
    auto world = std::make_shared<World>(std::move(job), std::move(fabric));
    auto group = world->everyone();
    const std::lock_guard lock(mutex);
    groups.ranks[static_cast<size_t>(rank)] = std::move(group);
  });
  groups.rest.push_back(server);
  return groups;
}

}  // namespace

Environment environment_of(int rank, int ranks, const Endpoint& rendezvous, const Secret& secret) {
  Environment e;
  e.rank = rank;
  e.local_rank = rank;
  e.world_size = ranks;
  e.rendezvous = rendezvous;
  e.launcher_serves = true;
  e.secret = secret;
  return e;
}

Groups make_groups(const std::string& transport, int ranks, Milliseconds limit,
                   const std::string& algorithm) {
  return transport == "memory" ? make_memory_groups(ranks, limit, algorithm)
                               : make_job_groups(transport, ranks, limit, algorithm);
}

}  // namespace mlx::core::distributed::testing
