#include "mlx/distributed/transports/rdma/rdma_fabric.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "mlx/core/base/error.h"
#include "mlx/distributed/transports/link_transport.h"
#include "mlx/distributed/transports/network.h"
#include "mlx/distributed/transports/rdma/rdma_link.h"
#include "mlx/distributed/transports/rdma/wiring.h"

namespace mlx::core::distributed::rdma {
namespace {

// What the ranks of a group leave for each other at the rendezvous while they
// make their pairs. An error goes in the place of what was expected.
class Notes {
 public:
  Notes(Job& job, uint32_t group)
      : job_(job),
        prefix_(concat("rdma/", job.environment().generation, "/", group, "/")),
        deadline_(after(job.environment().limits.connect)) {}

  void tell(int to, const std::string& what, const std::string& text) {
    job_.rendezvous().set(key(job_.rank(), to, what), concat("+", text));
  }
  void complain(int to, const std::string& what, const std::string& why) {
    job_.rendezvous().set(key(job_.rank(), to, what), concat("-", why));
  }
  std::string hear(int from, const std::string& what) {
    const std::string text = job_.rendezvous().get(key(from, job_.rank(), what), deadline_, from);
    if (!text.empty() && text[0] == '+') return text.substr(1);
    throw DistributedError(concat("Rank ", from, " cannot be reached: ", text.substr(1)));
  }

 private:
  std::string key(int from, int to, const std::string& what) const {
    return concat(prefix_, from, "/", to, "/", what);
  }

  Job& job_;
  const std::string prefix_;
  const Deadline deadline_;
};

class RdmaConnector final : public Connector {
 public:
  struct End {
    std::shared_ptr<QueuePair> pair;  // null: not joined
    std::unique_ptr<Link> link;
  };

  RdmaConnector(int rank, int ranks_on_host, std::vector<End> ends, std::unique_ptr<Connector> tcp)
      : rank_(rank), ranks_on_host_(ranks_on_host), ends_(std::move(ends)), tcp_(std::move(tcp)) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(ends_.size()); }
  int ranks_on_host() const override { return ranks_on_host_; }
  std::unique_ptr<Link> link(int peer) override {
    End& end = ends_[static_cast<size_t>(peer)];
    return end.pair ? std::move(end.link) : tcp_->link(peer);
  }
  Bell& bell() override { return tcp_ ? tcp_->bell() : bell_; }
  void abort() noexcept override {
    for (const End& end : ends_) {
      if (end.pair) end.pair->abort();
    }
    if (tcp_) tcp_->abort();
  }

 private:
  const int rank_;
  const int ranks_on_host_;
  std::vector<End> ends_;
  const std::unique_ptr<Connector> tcp_;
  Bell bell_;
};

class RdmaFabric final : public Fabric {
 public:
  RdmaFabric(std::shared_ptr<Job> job, const Verbs& verbs)
      : job_(std::move(job)), verbs_(verbs), wiring_(job_->environment()) {
    for (int peer = 0; peer < job_->size(); ++peer) {
      if (const auto name = name_of(peer)) device(*name);
    }
    if (!wiring_.complete()) reception_ = std::make_shared<Reception>(job_, LinkChoice::tcp);
  }

  std::unique_ptr<Transport> connect(uint32_t group, std::vector<int> world_ranks) override {
    const auto self = std::find(world_ranks.begin(), world_ranks.end(), job_->rank());
    const auto rank = static_cast<int>(self - world_ranks.begin());
    const auto here = std::count_if(world_ranks.begin(), world_ranks.end(), [this](int peer) {
      return job_->member(peer).host_id == job_->member(job_->rank()).host_id;
    });
    Notes notes(*job_, group);
    Ends ends(world_ranks.size());
    try {
      make_pairs(notes, world_ranks, rank, ends);
      join_pairs(notes, world_ranks, ends);
    } catch (const DistributedError&) {
      // No farewells to those who may not be there.
      for (const auto& end : ends) {
        if (end.pair) end.pair->abort();
      }
      throw;
    }
    auto tcp =
        reception_ ? make_network_connector(reception_, group, std::move(world_ranks)) : nullptr;
    return std::make_unique<LinkTransport>(std::make_unique<RdmaConnector>(
        rank, static_cast<int>(here), std::move(ends), std::move(tcp)));
  }

 private:
  using Ends = std::vector<RdmaConnector::End>;

  std::optional<std::string> name_of(int peer) const {
    if (peer == job_->rank()) return {};
    return wiring_.device(job_->rank(), peer);
  }

  std::shared_ptr<Device> device(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& device = devices_[name];
    if (!device) {
      const Environment& e = job_->environment();
      device = Device::open(verbs_, {name, e.ibv_port, e.ibv_gid_index});
    }
    return device;
  }

  // Does it for the pairs with all joined peers; when that fails, they hear of it.
  template <typename Body>
  void for_pairs(Notes& notes, const std::vector<int>& world_ranks, const char* what, Body body) {
    const auto joined = [&](const auto& action) {
      for (size_t i = 0; i < world_ranks.size(); ++i) {
        if (name_of(world_ranks[i])) action(i, world_ranks[i]);
      }
    };
    try {
      joined(body);
    } catch (const DistributedError& error) {
      joined([&](size_t, int peer) { notes.complain(peer, what, error.what()); });
      throw;
    }
  }

  void make_pairs(Notes& notes, const std::vector<int>& world_ranks, int rank, Ends& ends) {
    for_pairs(notes, world_ranks, "card", [&](size_t i, int peer) {
      ends[i].pair = std::make_shared<QueuePair>(device(*name_of(peer)));
      ends[i].link = make_rdma_link(ends[i].pair, rank, static_cast<int>(i));
    });
    for_pairs(notes, world_ranks, "card",
              [&](size_t i, int peer) { notes.tell(peer, "card", ends[i].pair->card().encode()); });
  }

  // Returns when the other ends can receive: what reaches one that cannot is
  // sent again only after a long while.
  void join_pairs(Notes& notes, const std::vector<int>& world_ranks, Ends& ends) {
    for_pairs(notes, world_ranks, "ready", [&](size_t i, int peer) {
      const auto card = Card::decode(notes.hear(peer, "card"));
      if (!card) throw DistributedError(concat("[rdma] Rank ", peer, " sent no valid card."));
      ends[i].pair->connect(*card);
    });
    for_pairs(notes, world_ranks, "ready",
              [&](size_t, int peer) { notes.tell(peer, "ready", ""); });
    for (const int peer : world_ranks) {
      if (name_of(peer)) notes.hear(peer, "ready");
    }
  }

  const std::shared_ptr<Job> job_;
  const Verbs& verbs_;
  const Wiring wiring_;
  std::shared_ptr<Reception> reception_;  // null: no pair needs TCP
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Device>> devices_;  // by mutex_
};

}  // namespace

std::string obstacle() {
  std::string reason;
  const Verbs* verbs = system_verbs(&reason);
  return verbs ? obstacle(*verbs) : reason;
}

std::shared_ptr<Fabric> make_rdma_fabric(std::shared_ptr<Job> job, const Verbs& verbs) {
  return std::make_shared<RdmaFabric>(std::move(job), verbs);
}

std::shared_ptr<Fabric> make_rdma_fabric(std::shared_ptr<Job> job) {
  std::string reason;
  const Verbs* verbs = system_verbs(&reason);
  if (!verbs) throw DistributedError(concat("[rdma] ", reason));
  return make_rdma_fabric(std::move(job), *verbs);
}

}  // namespace mlx::core::distributed::rdma
