#include "mlx/distributed/transports/memory.h"

#include <sys/socket.h>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/transports/link_transport.h"
#include "mlx/distributed/transports/shared_link.h"

namespace mlx::core::distributed {
namespace {

class MemoryConnector final : public Connector {
 public:
  MemoryConnector(int rank, int size) : rank_(rank), links_(static_cast<size_t>(size)) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(links_.size()); }
  int ranks_on_host() const override { return size(); }
  std::unique_ptr<Link> link(int peer) override {
    return std::move(links_[static_cast<size_t>(peer)]);
  }
  Bell& bell() override { return bell_; }
  void abort() noexcept override {}

  void add(int peer, std::unique_ptr<Link> link) {
    links_[static_cast<size_t>(peer)] = std::move(link);
  }

 private:
  const int rank_;
  std::vector<std::unique_ptr<Link>> links_;
  Bell bell_;
};

void connect_pair(MemoryConnector& a, MemoryConnector& b) {
  int ends[2];
  std::shared_ptr<Segment> segment = Segment::create();
  if (!segment || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    throw DistributedError("[memory] The process is out of memory or of file descriptors.");
  }
  segment->close_descriptor();
  a.add(b.rank(), make_shared_link(segment, 0, Socket(ends[0])));
  b.add(a.rank(), make_shared_link(segment, 1, Socket(ends[1])));
}

}  // namespace

std::vector<std::unique_ptr<Transport>> make_memory_transports(int ranks) {
  std::vector<std::unique_ptr<MemoryConnector>> connectors;
  for (int rank = 0; rank < ranks; ++rank) {
    connectors.push_back(std::make_unique<MemoryConnector>(rank, ranks));
    for (int peer = 0; peer < rank; ++peer) {
      connect_pair(*connectors[static_cast<size_t>(peer)], *connectors.back());
    }
  }
  std::vector<std::unique_ptr<Transport>> transports;
  for (auto& connector : connectors) {
    transports.push_back(std::make_unique<LinkTransport>(std::move(connector)));
  }
  return transports;
}

std::unique_ptr<Transport> MemoryFabric::connect(uint32_t group,
                                                 const std::vector<int>& world_ranks, int self) {
  const std::lock_guard lock(mutex_);
  const auto [at, is_first] = waiting_.try_emplace(Key{group, world_ranks});
  auto& transports = at->second;
  if (is_first) {
    auto all = make_memory_transports(static_cast<int>(world_ranks.size()));
    for (size_t i = 0; i < all.size(); ++i) transports.emplace(world_ranks[i], std::move(all[i]));
  }
  auto own = std::move(transports.extract(self).mapped());
  if (transports.empty()) waiting_.erase(at);
  return own;
}

}  // namespace mlx::core::distributed
