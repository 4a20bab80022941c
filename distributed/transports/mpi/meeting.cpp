#include "mlx/distributed/transports/mpi/meeting.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed::mpi {
namespace {

/// An IPv4 address of a host, and its network.
struct Address {
  std::string text;
  uint32_t network = 0;
  bool loopback = false;
};

// Of the interfaces that are up; loopback last.
std::vector<Address> own_addresses() {
  std::vector<Address> found;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return found;
  for (const ifaddrs* i = all; i; i = i->ifa_next) {
    const bool usable = i->ifa_addr && i->ifa_netmask && (i->ifa_flags & IFF_UP) &&
                        i->ifa_addr->sa_family == AF_INET;
    if (!usable) continue;
    const auto address = reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr;
    const auto mask = reinterpret_cast<const sockaddr_in*>(i->ifa_netmask)->sin_addr;
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &address, text, sizeof text);
    found.push_back({text, address.s_addr & mask.s_addr, (i->ifa_flags & IFF_LOOPBACK) != 0});
  }
  freeifaddrs(all);
  std::stable_partition(found.begin(), found.end(), [](const Address& a) { return !a.loopback; });
  return found;
}

/// What rank 0 tells the others.
struct Invitation {
  uint16_t port = 0;
  Secret secret;
  std::vector<Address> addresses;

  std::string encode() const {
    std::string text = concat(port, " ", secret.text());
    for (const Address& a : addresses) text += concat(" ", a.text, " ", a.network);
    return text;
  }
  static Invitation decode(const std::string& text) {
    std::istringstream words(text);
    Invitation all;
    std::string secret;
    words >> all.port >> secret;
    all.secret = Secret(secret);
    for (Address a; words >> a.text >> a.network;) all.addresses.push_back(a);
    return all;
  }
};

using Letter = std::array<char, 8192>;

void bring_to_all(Runtime& mpi, std::shared_ptr<Letter> letter, Deadline deadline) {
  Request request = mpi.library().no_request;
  mpi.call(mpi.library().ibcast, letter->data(), static_cast<int>(letter->size()),
           mpi.library().byte, 0, mpi.world(), &request);
  mpi.wait(request, deadline, letter);
}

// The first address in a network that this host is on too, so that a host with
// networks that others do not reach is found by the right one.
std::string reachable(const Invitation& invitation) {
  const auto ours = own_addresses();
  for (const Address& theirs : invitation.addresses) {
    for (const Address& own : ours) {
      if (theirs.network == own.network) return theirs.text;
    }
  }
  return invitation.addresses.empty() ? "127.0.0.1" : invitation.addresses[0].text;
}

/// A job whose rendezvous this process serves for all ranks.
struct ServedJob {
  std::unique_ptr<RendezvousServer> server;
  std::unique_ptr<Job> job;
};

}  // namespace

std::shared_ptr<Job> meet(Runtime& mpi, Environment e) {
  e.rank = mpi.rank();
  e.world_size = mpi.size();
  e.hosts.clear();
  if (e.rendezvous) return std::make_shared<Job>(std::move(e));
  auto served = std::make_shared<ServedJob>();
  auto letter = std::make_shared<Letter>();
  const Deadline deadline = after(e.limits.connect);
  if (e.rank == 0) {
    const Secret secret = e.secret.empty() ? Secret::random() : e.secret;
    served->server = std::make_unique<RendezvousServer>(RendezvousServer::Options{
        {"0.0.0.0", 0}, secret, e.generation, e.world_size, e.limits.heartbeat});
    const Invitation invitation{served->server->address().port, secret, own_addresses()};
    const std::string text = invitation.encode();
    std::copy_n(text.begin(), std::min(text.size(), letter->size() - 1), letter->begin());
  }
  bring_to_all(mpi, letter, deadline);
  const Invitation invitation = Invitation::decode(letter->data());
  e.secret = invitation.secret;
  e.rendezvous = Endpoint{reachable(invitation), invitation.port};
  e.launcher_serves = e.rank == 0;  // the Job of rank 0 need not serve it once more
  served->job = std::make_unique<Job>(std::move(e));
  Job* job = served->job.get();
  return {std::move(served), job};
}

}  // namespace mlx::core::distributed::mpi
