#pragma once

// Made-up hosts and links, for the parts that decide.

#include <string>
#include <vector>

#include "mlx/launch/config/survey.h"

namespace mlx::launch::config::test {

/// Hosts h0, h1, ... with nothing wrong, each with eth0 (10.0.0.<i>/24) and no links.
inline Survey hosts(int count) {
  Survey survey;
  for (int i = 0; i < count; ++i) {
    HostReport& h = survey.hosts.emplace_back();
    h.host.name = "h" + std::to_string(i);
    h.facts.hostname = h.host.name;
    h.facts.machine = "x86_64";
    h.facts.memory = int64_t{64} << 30;
    h.facts.shared = int64_t{32} << 30;
    h.facts.open_files = 65536;
    h.facts.root = true;
    h.facts.firewall = "iptables";
    h.facts.programs = {{"mlx-distributed-config", "1.0"}, {"mlx-launch", "1.0"}};
    h.facts.processor.cores = 16;
    h.facts.rdma.library = true;
    Interface eth0;
    eth0.name = "eth0", eth0.kind = "ethernet", eth0.up = eth0.linked = true, eth0.mtu = 1500;
    eth0.addresses = {{"10.0.0." + std::to_string(i), 24}};
    h.facts.interfaces = {eth0};
    h.ports = {{.wanted = 0, .port = 40000, .error = {}}};
  }
  return survey;
}

inline HostFacts& facts(Survey& survey, int host) {
  return survey.hosts[static_cast<size_t>(host)].facts;
}

/// Gives the host one more interface with an address in a subnet of 24 bits.
inline Interface& add_interface(Survey& survey, int host, const std::string& name,
                                const std::string& kind, const std::string& ip) {
  Interface& i = facts(survey, host).interfaces.emplace_back();
  i.name = name, i.kind = kind, i.up = i.linked = true, i.mtu = 1500;
  if (!ip.empty()) i.addresses = {{ip, 24}};
  return i;
}

/// A path that works, at that many bits per second each way.
inline Path& add_path(Survey& survey, int from, int to, double rate, const std::string& network) {
  Path& p = survey.paths.emplace_back();
  p.from = from, p.to = to;
  p.from_address = network + std::to_string(from);
  p.to_address = network + std::to_string(to);
  p.measurement.round_trip = 50e-6;
  p.measurement.forth = p.measurement.back = rate;
  return p;
}
inline Path& add_path(Survey& survey, int from, int to, double rate) {
  return add_path(survey, from, to, rate, "10.0.0.");
}

/// All pairs joined at one rate.
inline Survey joined_hosts(int count, double rate = 10e9) {
  Survey survey = hosts(count);
  for (int i = 0; i < count; ++i) {
    for (int j = i + 1; j < count; ++j) add_path(survey, i, j, rate);
  }
  return survey;
}

/// The path between two hosts of joined_hosts().
inline Path& path(Survey& survey, int from, int to) {
  for (Path& p : survey.paths) {
    if (p.from == from && p.to == to) return p;
  }
  return survey.paths.at(survey.paths.size());
}

/// A device with one active port of RoCE v2 over the address of an interface.
inline RdmaDevice& add_roce(Survey& survey, int host, const std::string& name,
                            const std::string& ip) {
  RdmaDevice& d = facts(survey, host).rdma.devices.emplace_back();
  d.name = name;
  RdmaPort& p = d.ports.emplace_back();
  p.number = 1, p.state = "active", p.link_layer = "Ethernet", p.gigabits = 100;
  p.gids = {
      {.index = 1, .value = "::ffff:" + ip, .type = "RoCE v2", .interface = "", .usable = true}};
  return d;
}

}  // namespace mlx::launch::config::test
