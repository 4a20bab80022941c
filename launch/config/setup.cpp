#include "mlx/launch/config/setup.h"

#include <algorithm>
#include <map>
#include <set>

#include "mlx/core/base/error.h"
#include "mlx/launch/config/findings.h"
#include "mlx/launch/config/session.h"
#include "mlx/launch/config/words.h"

namespace mlx::launch::config {
namespace {

using core::concat;

class Setup {
 public:
  Setup(const Survey& survey, const Wishes& wishes) : survey_(survey), wishes_(wishes) {}

  std::vector<SetupStep> run() {
    switch_on();
    cable_addresses();
    same_mtu();
    soft_roce();
    open_ports();
    return std::move(steps_);
  }

 private:
  const std::string& name(int host) const { return name_of(survey_, host); }
  void step(int host, std::string command, std::string reason) {
    steps_.push_back({host, std::move(command), std::move(reason)});
  }

  bool joined(int a, int b) const;
  bool lacks_paths(int host) const;
  void switch_on();
  void cable_addresses();
  void same_mtu();
  void soft_roce();
  void open_ports();
  void open_port(int host, uint16_t port, const std::set<std::string>& peers);

  const Survey& survey_;
  const Wishes& wishes_;
  std::vector<SetupStep> steps_;
};

bool Setup::joined(int a, int b) const {
  return std::any_of(survey_.paths.begin(), survey_.paths.end(), [&](const Path& p) {
    return std::minmax(p.from, p.to) == std::minmax(a, b) && p.works() &&
           goes_over(survey_, p, wishes_.over == Over::rdma ? Over::automatic : wishes_.over);
  });
}

bool Setup::lacks_paths(int host) const {
  const auto hosts = survey_.usable_hosts();
  return std::any_of(hosts.begin(), hosts.end(),
                     [&](int other) { return other != host && !joined(host, other); });
}

// Interfaces that are off, where a host lacks ways to others.
void Setup::switch_on() {
  const bool any_kind = wishes_.over == Over::automatic || wishes_.over == Over::rdma;
  for (const int host : survey_.usable_hosts()) {
    if (!lacks_paths(host)) continue;
    for (const Interface& i : survey_.facts(host).interfaces) {
      const bool cable = i.kind == "ethernet" || i.kind == "thunderbolt" || i.kind == "infiniband";
      if (i.up || !cable || (!any_kind && i.kind != over_name(wishes_.over))) continue;
      step(host, concat("ip link set dev ", i.name, " up"),
           concat("the interface ", i.name, " is off"));
    }
  }
}

// A Thunderbolt cable without addresses gets a subnet of two of its own. The
// kernel knows the name of the host at the other end.
void Setup::cable_addresses() {
  const auto leads_to = [&](const Interface& i, int host) {
    const auto bare = [&](const Interface& x) { return x.addresses.empty(); };
    return i.kind == "thunderbolt" && bare(i) && i.peer == survey_.facts(host).hostname;
  };
  int subnet = 0;
  const auto hosts = survey_.usable_hosts();
  for (const int a : hosts) {
    for (const int b : hosts) {
      if (a >= b) continue;
      const auto& x = survey_.facts(a).interfaces;
      const auto& y = survey_.facts(b).interfaces;
      const auto i = std::find_if(x.begin(), x.end(), [&](auto& one) { return leads_to(one, b); });
      const auto j = std::find_if(y.begin(), y.end(), [&](auto& one) { return leads_to(one, a); });
      if (i == x.end() || j == y.end() || subnet > 255) continue;
      const auto add = [&](int host, const Interface& on, int number, int other) {
        step(host, concat("ip addr add 192.168.", subnet, ".", number, "/30 dev ", on.name),
             concat("the Thunderbolt cable to ", name(other), " has no address"));
      };
      add(a, *i, 1, b);
      add(b, *j, 2, a);
      ++subnet;
    }
  }
}

// On one network the MTU that most have; of equally many, the smaller, which is safe.
void Setup::same_mtu() {
  struct End {
    int host;
    std::string interface;
    auto operator<=>(const End&) const = default;
  };
  std::map<End, int> mtus;
  std::map<End, std::set<End>> neighbours;
  for (const Path& p : survey_.paths) {
    const Interface* a = survey_.facts(p.from).interface_of(p.from_address);
    const Interface* b = survey_.facts(p.to).interface_of(p.to_address);
    if (!p.works() || !p.gateway.empty() || !a || !b) continue;
    const End x{p.from, a->name}, y{p.to, b->name};
    mtus[x] = a->mtu, mtus[y] = b->mtu;
    neighbours[x].insert(y), neighbours[y].insert(x);
  }
  for (const auto& [end, mtu] : mtus) {
    std::map<int, int> votes{{mtu, 1}};
    for (const End& other : neighbours[end]) ++votes[mtus[other]];
    const auto most = std::max_element(votes.begin(), votes.end(), [](auto& a, auto& b) {
      return a.second != b.second ? a.second < b.second : a.first > b.first;
    });
    if (most->first == mtu) continue;
    step(end.host, concat("ip link set dev ", end.interface, " mtu ", most->first),
         concat("its network has an MTU of ", most->first, ", not ", mtu));
  }
}

// RDMA in software where it was asked for and there is none.
void Setup::soft_roce() {
  if (wishes_.over != Over::rdma) return;
  for (const int host : survey_.usable_hosts()) {
    if (!survey_.facts(host).rdma.devices.empty()) continue;
    for (const Interface& i : survey_.facts(host).interfaces) {
      if (i.kind != "ethernet" || !i.up || !i.linked || i.addresses.empty()) continue;
      step(host,
           concat("modprobe rdma_rxe && rdma link add rxe_", i.name, " type rxe netdev ", i.name),
           "there is no RDMA device; this makes one in software, slower than TCP");
      break;
    }
  }
}

void Setup::open_ports() {
  std::map<std::pair<int, uint16_t>, std::set<std::string>> closed;  // to the addresses of callers
  for (const PortTest& t : survey_.port_tests) {
    if (t.reach.outcome == Outcome::ok || t.reach.outcome == Outcome::stranger) continue;
    for (const Path& p : survey_.paths) {
      if (p.from == t.from && p.to == t.to && p.to_address == t.address) {
        closed[{t.to, t.port}].insert(p.from_address);
      } else if (p.to == t.from && p.from == t.to && p.from_address == t.address) {
        closed[{t.to, t.port}].insert(p.to_address);
      }
    }
  }
  for (const auto& [port, peers] : closed) open_port(port.first, port.second, peers);
}

void Setup::open_port(int host, uint16_t port, const std::set<std::string>& peers) {
  const std::string& firewall = survey_.facts(host).firewall;
  for (const std::string& peer : peers) {
    const bool six = peer.find(':') != std::string::npos;
    const std::string reason = concat(peer, " does not reach port ", port);
    if (firewall == "ufw") {
      step(host, concat("ufw allow proto tcp from ", peer, " to any port ", port), reason);
    } else if (firewall == "firewalld") {
      step(host,
           concat("firewall-cmd --add-rich-rule='rule family=\"", six ? "ipv6" : "ipv4",
                  "\" source address=\"", peer, "\" port port=\"", port,
                  "\" protocol=\"tcp\" accept'"),
           reason);
    } else if (firewall == "nft") {
      step(host,
           concat("nft insert rule inet filter input ", six ? "ip6" : "ip", " saddr ", peer,
                  " tcp dport ", port, " accept"),
           reason);
    } else {
      step(host,
           concat(six ? "ip6tables" : "iptables", " -I INPUT -p tcp -s ", peer, " --dport ", port,
                  " -j ACCEPT"),
           reason);
    }
  }
}

}  // namespace

std::vector<SetupStep> setup_steps(const Survey& survey, const Wishes& wishes) {
  return Setup(survey, wishes).run();
}

std::string run_step(const SetupStep& step, const Survey& survey, const RemoteShell& shell) {
  const HostReport& h = survey.hosts[static_cast<size_t>(step.host)];
  const std::string command =
      h.facts.root ? step.command : "sudo -n sh -c " + shell_quoted(step.command);
  return run_there(h.host, shell, command);
}

}  // namespace mlx::launch::config
