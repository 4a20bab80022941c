#include "mlx/launch/config/links.h"

#include <algorithm>

namespace mlx::launch::config {
namespace {

// An address as a GID: IPv4 is mapped into IPv6.
bool is_gid_of(const Gid& gid, const std::string& ip) {
  return gid.usable && (gid.value == ip || gid.value == "::ffff:" + ip);
}

struct PortOfDevice {
  const RdmaDevice* device;
  const RdmaPort* port;
};

std::vector<PortOfDevice> active_ports(const HostFacts& facts) {
  std::vector<PortOfDevice> out;
  for (const RdmaDevice& d : facts.rdma.devices) {
    for (const RdmaPort& p : d.ports) {
      if (p.state == "active") out.push_back({&d, &p});
    }
  }
  return out;
}

// RoCE: over addresses that reach each other. InfiniBand: within one subnet.
bool are_joined(const Survey& survey, int a, const RdmaPort& x, int b, const RdmaPort& y) {
  if (x.link_layer != y.link_layer) return false;
  if (x.link_layer == "InfiniBand") return x.subnet == y.subnet;
  return std::any_of(survey.paths.begin(), survey.paths.end(), [&](const Path& p) {
    const auto has = [](const RdmaPort& port, const std::string& ip) {
      return std::any_of(port.gids.begin(), port.gids.end(),
                         [&](const Gid& gid) { return is_gid_of(gid, ip); });
    };
    return p.from == a && p.to == b && p.works() && has(x, p.from_address) && has(y, p.to_address);
  });
}

}  // namespace

const char* over_name(Over over) {
  switch (over) {
    case Over::automatic:
      return "auto";
    case Over::ethernet:
      return "ethernet";
    case Over::rdma:
      return "rdma";
    case Over::thunderbolt:
      return "thunderbolt";
  }
  return "?";
}

bool is_rdma(const std::string& backend) {
  return backend == "rdma" || backend == "jaccl" || backend == "jaccl-ring";
}

std::vector<RdmaLink> rdma_links(const Survey& survey) {
  std::vector<RdmaLink> links;
  const std::vector<int> hosts = survey.usable_hosts();
  for (const int a : hosts) {
    for (const int b : hosts) {
      if (a >= b) continue;
      for (const auto& [d, x] : active_ports(survey.facts(a))) {
        for (const auto& [e, y] : active_ports(survey.facts(b))) {
          if (!are_joined(survey, a, *x, b, *y)) continue;
          links.push_back({a, b, d->name, e->name, std::min(x->gigabits, y->gigabits) * 1e9});
        }
      }
    }
  }
  return links;
}

bool goes_over(const Survey& survey, const Path& path, Over over) {
  const Interface* a = survey.facts(path.from).interface_of(path.from_address);
  const Interface* b = survey.facts(path.to).interface_of(path.to_address);
  return over == Over::automatic ||
         (a && b && a->kind == over_name(over) && b->kind == over_name(over));
}

}  // namespace mlx::launch::config
