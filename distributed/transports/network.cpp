#include "mlx/distributed/transports/network.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <vector>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/handshake.h"
#include "mlx/distributed/transports/link_transport.h"
#include "mlx/distributed/transports/offer.h"
#include "mlx/distributed/transports/striped_link.h"

namespace mlx::core::distributed {
namespace {

class NetworkConnector final : public Connector {
 public:
  NetworkConnector(std::shared_ptr<Reception> reception, uint32_t group,
                   std::vector<int> world_ranks)
      : reception_(std::move(reception)),
        job_(reception_->job()),
        group_(group),
        world_ranks_(std::move(world_ranks)),
        pulses_(world_ranks_.size()) {
    reception_->announce(group_, &bell_);
    subscription_ = job_.subscribe([this](const Failure& failure) { hear(failure); });
    watch_ = job_.watch({.silence = [this](const Silence& silence) { judge(silence); },
                         .beat = [this] { complain_of_silence(); }});
  }

  ~NetworkConnector() override {
    job_.unwatch(watch_);
    job_.unsubscribe(subscription_);
    reception_->announce(group_, nullptr);
  }

  int rank() const override {
    return static_cast<int>(std::find(world_ranks_.begin(), world_ranks_.end(), job_.rank()) -
                            world_ranks_.begin());
  }
  int size() const override { return static_cast<int>(world_ranks_.size()); }
  int ranks_on_host() const override {
    return static_cast<int>(std::count_if(world_ranks_.begin(), world_ranks_.end(),
                                          [this](int rank) { return same_host(rank); }));
  }

  // The world's number of the first rank there.
  int host_of(int peer) const override {
    const auto& host = job_.member(world_ranks_[static_cast<size_t>(peer)]).host_id;
    int first = 0;
    while (job_.member(first).host_id != host) ++first;
    return first;
  }

  std::unique_ptr<Link> link(int peer) override {
    const int world = world_ranks_[static_cast<size_t>(peer)];
    // Gone is checked first: what has come before it went is in the reception already.
    const bool gone = has_gone(world);
    auto [link, pulse] = world < job_.rank() ? reception_->take(group_, world)
                         : gone              ? Reception::Arrival{}
                                             : connect(peer);
    if (!link && gone) throw PeerLostError("it has gone", about(peer));
    const std::lock_guard lock(mutex_);
    pulses_[static_cast<size_t>(peer)] = std::move(pulse);
    return std::move(link);
  }

  Bell& bell() override { return bell_; }
  void abort() noexcept override { aborted_ = true; }

 private:
  bool same_host(int world) const {
    return job_.member(world).host_id == job_.member(job_.rank()).host_id;
  }

  Circumstances about(int peer) const {
    Circumstances where;
    where.rank = rank();
    where.peer = peer;
    return where;
  }

  // Several at each of its addresses, if we were told so.
  uint32_t connections_to(int world) const {
    const auto at_each = static_cast<size_t>(job_.environment().connections_per_ip);
    const size_t addresses = job_.member(world).endpoints.size();
    return static_cast<uint32_t>(std::min<size_t>(at_each * addresses, kMostConnections));
  }

  Reception::Arrival connect(int peer) {
    const int world = world_ranks_[static_cast<size_t>(peer)];
    const Environment& e = job_.environment();
    const Identity self{e.generation, e.rank, Identity::Purpose::data, group_};
    const std::vector<Endpoint>& endpoints = job_.member(world).endpoints;
    try {
      auto pulse = std::make_shared<Pulse>();
      std::vector<std::unique_ptr<Link>> links;
      Strand strand{0, connections_to(world)};
      while (strand.number < strand.count) {
        const Sharing sharing = strand.number == 0 ? sharing_with(world) : Sharing::never;
        Socket socket = connect_authenticated(endpoints[strand.number % endpoints.size()], e.secret,
                                              self, world, after(e.limits.connect), aborted_);
        auto agreement = make_offer(std::move(socket), sharing, strand, pulse, aborted_);
        links.push_back(std::move(agreement.link));
        strand = {strand.number + 1, agreement.strand.count};
      }
      return {make_striped_link(std::move(links)), std::move(pulse)};
    } catch (const TimeoutError& error) {
      throw PeerLostError(concat("it cannot be reached: ", error.what()), about(peer));
    } catch (const ConnectionError& error) {
      throw PeerLostError(error.what(), about(peer));
    }
  }

  // On the thread of the rendezvous: tells the ranks whose data we have waited for.
  void complain_of_silence() {
    const std::lock_guard lock(mutex_);
    for (size_t peer = 0; peer < pulses_.size(); ++peer) {
      if (!pulses_[peer]) continue;
      const auto received = pulses_[peer]->starved(job_.environment().limits.heartbeat / 2);
      if (received) job_.tell({group_, job_.rank(), world_ranks_[peer], *received});
    }
  }

  // On the thread of the rendezvous: whether it is the connection's fault.
  void judge(const Silence& silence) {
    if (silence.group != group_ || !swallows_what_we_send(silence)) return;
    job_.declare({Failure::Kind::lost, group_, silence.waiting, job_.rank(),
                  concat("The connection between rank ", job_.rank(), " and rank ", silence.waiting,
                         " is cut: what is sent does not arrive")});
  }

  bool swallows_what_we_send(const Silence& silence) {
    const std::lock_guard lock(mutex_);
    const auto at = std::find(world_ranks_.begin(), world_ranks_.end(), silence.waiting);
    if (at == world_ranks_.end()) return false;
    const auto& pulse = pulses_[static_cast<size_t>(at - world_ranks_.begin())];
    return pulse && pulse->swallowed(silence.received, job_.environment().limits.heartbeat / 8);
  }

  Sharing sharing_with(int world) const {
    switch (reception_->choice()) {
      case LinkChoice::tcp:
        return Sharing::never;
      case LinkChoice::shm:
        return Sharing::always;
      case LinkChoice::mixed:
        break;
    }
    return same_host(world) ? Sharing::if_possible : Sharing::never;
  }

  bool has_gone(int world) {
    const std::lock_guard lock(mutex_);
    return gone_.contains(world);
  }

  void hear(const Failure& failure) {
    if (failure.kind != Failure::Kind::left && failure.kind != Failure::Kind::lost) return;
    // A cut connection concerns its group; the rank itself lives.
    if (failure.group != Failure::kEveryGroup) return;
    {
      const std::lock_guard lock(mutex_);
      gone_.insert(failure.rank);
    }
    bell_.ring();
  }

  const std::shared_ptr<Reception> reception_;
  Job& job_;
  const uint32_t group_;
  const std::vector<int> world_ranks_;
  Bell bell_;
  std::atomic<bool> aborted_ = false;
  int subscription_ = 0;
  int watch_ = 0;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Pulse>> pulses_;  // of the links so far, by mutex_
  std::set<int> gone_;                          // by mutex_
};

class LinkFabric final : public Fabric {
 public:
  LinkFabric(std::shared_ptr<Job> job, LinkChoice choice)
      : reception_(std::make_shared<Reception>(std::move(job), choice)) {}

  std::unique_ptr<Transport> connect(uint32_t group, std::vector<int> world_ranks) override {
    return std::make_unique<LinkTransport>(
        make_network_connector(reception_, group, std::move(world_ranks)));
  }

 private:
  const std::shared_ptr<Reception> reception_;
};

}  // namespace

std::unique_ptr<Connector> make_network_connector(std::shared_ptr<Reception> reception,
                                                  uint32_t group, std::vector<int> world_ranks) {
  return std::make_unique<NetworkConnector>(std::move(reception), group, std::move(world_ranks));
}

std::unique_ptr<Fabric> make_link_fabric(std::shared_ptr<Job> job, LinkChoice choice) {
  return std::make_unique<LinkFabric>(std::move(job), choice);
}

}  // namespace mlx::core::distributed
