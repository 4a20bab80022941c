#include "distributed/ranks.h"

#include <gtest/gtest.h>

#include <cstdlib>
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

// Threads hear of each other's failures directly.
class Board {
 public:
  void add(detail::GroupImpl* group) {
    const std::lock_guard lock(mutex_);
    groups_.push_back(group);
    for (const Failure& failure : told_) group->notice(failure);  // another rank was faster
  }
  void remove(detail::GroupImpl* group) {
    const std::lock_guard lock(mutex_);
    std::erase(groups_, group);
  }
  void tell(const Failure& failure) {
    const std::lock_guard lock(mutex_);
    told_.push_back(failure);
    for (auto* group : groups_) group->notice(failure);
  }

 private:
  std::mutex mutex_;
  std::vector<Failure> told_;
  std::vector<detail::GroupImpl*> groups_;
};

class MemoryGroup final : public detail::GroupImpl {
 public:
  MemoryGroup(std::shared_ptr<Board> board, std::unique_ptr<Transport> transport,
              detail::GroupOptions options)
      : GroupImpl(std::move(transport), std::move(options)), board_(std::move(board)) {
    board_->add(this);
  }
  ~MemoryGroup() override { board_->remove(this); }

 private:
  const std::shared_ptr<Board> board_;
};

// What all threads share.
struct Memory {
  MemoryFabric fabric;
  std::shared_ptr<Board> board = std::make_shared<Board>();
  detail::GroupOptions options;
};

class MemoryOrigin final : public detail::Origin,
                           public std::enable_shared_from_this<MemoryOrigin> {
 public:
  MemoryOrigin(std::shared_ptr<Memory> memory, int rank)
      : memory_(std::move(memory)), rank_(rank) {}

  uint32_t next_id() override {
    const std::lock_guard lock(mutex_);
    return next_id_;
  }
  bool take_ids(uint32_t first, uint32_t end) override {
    const std::lock_guard lock(mutex_);
    const bool free = next_id_ <= first;
    if (free) next_id_ = end;
    return free;
  }
  std::shared_ptr<detail::GroupImpl> group(uint32_t id, uint64_t generation,
                                           std::vector<int> world_ranks,
                                           std::unique_ptr<Transport>) override {
    auto transport = memory_->fabric.connect(id, world_ranks, rank_);
    auto options = memory_->options;
    options.group = id;
    options.generation = generation;
    options.world_ranks = std::move(world_ranks);
    options.origin = shared_from_this();
    return std::make_shared<MemoryGroup>(memory_->board, std::move(transport), std::move(options));
  }
  Meeting meet_again(uint32_t, const std::vector<int>&) override {
    throw std::logic_error("threads have no rendezvous");
  }

 private:
  const std::shared_ptr<Memory> memory_;
  const int rank_;
  std::mutex mutex_;  // several threads of a rank may split groups
  uint32_t next_id_ = 1;
};

Groups make_memory_groups(int ranks, Milliseconds limit, const std::string& algorithm,
                          bool detail) {
  Groups groups;
  auto memory = std::make_shared<Memory>();
  memory->options.operation_limit = limit;
  memory->options.algorithm = algorithm;
  memory->options.detail = detail;
  memory->options.report = [board = memory->board](const Failure& failure) {
    board->tell(failure);
  };
  std::vector<int> everyone(static_cast<size_t>(ranks));
  std::iota(everyone.begin(), everyone.end(), 0);
  for (int rank = 0; rank < ranks; ++rank) {
    const auto origin = std::make_shared<MemoryOrigin>(memory, rank);
    groups.ranks.push_back(origin->group(0, 0, everyone, nullptr));
  }
  return groups;
}

std::shared_ptr<Fabric> open_fabric(const std::string& transport, std::shared_ptr<Job> job) {
  if (transport == "fake_rdma") return rdma::make_rdma_fabric(std::move(job), fake_verbs());
  const std::string kind = transport == "mixed"     ? "auto"
                           : transport == "striped" ? "tcp"
                                                    : transport;
  return fabric_kind(kind).open(std::move(job));
}

Groups make_job_groups(const std::string& transport, int ranks, Milliseconds limit,
                       const std::string& algorithm, bool detail) {
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
    if (transport == "striped") {
      environment.data_addresses = {{"127.0.0.1", 0}, {"127.0.0.2", 0}};
      environment.connections_per_ip = 2;
    }
    environment.limits.operation = limit;
    environment.algorithm = algorithm;
    environment.detail = detail;
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

void on_groups(const std::function<void(Group)>& body) {
  const Groups groups = make_groups("memory", kRanks);
  on_threads(kRanks, [&](int rank) { body(Group(groups.ranks[static_cast<size_t>(rank)])); });
}

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
                   const std::string& algorithm, bool detail) {
  if (transport == "two_copies") {
    setenv("MLX_SINGLE_COPY", "0", 1);
    Groups groups = make_memory_groups(ranks, limit, algorithm, detail);
    unsetenv("MLX_SINGLE_COPY");
    return groups;
  }
  return transport == "memory" ? make_memory_groups(ranks, limit, algorithm, detail)
                               : make_job_groups(transport, ranks, limit, algorithm, detail);
}

}  // namespace mlx::core::distributed::testing
