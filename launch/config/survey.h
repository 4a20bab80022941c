#pragma once

// What was found out about all hosts and the ways between them.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mlx/launch/config/wire.h"
#include "mlx/launch/host.h"
#include "mlx/launch/remote_shell.h"

namespace mlx::launch::config {

struct HostReport {
  Host host;
  std::string error;  ///< why it cannot be used; empty: it can
  HostFacts facts;
  double clock_offset = 0;  ///< seconds that its clock is ahead of ours,
  double clock_error = 0;   ///< give or take
  std::vector<OpenPort> ports;
};

/// From an address of one host to an address of another.
struct Path {
  int from = 0, to = 0;  ///< numbers of hosts, from < to once measured
  std::string from_address, to_address;
  Reach reach;              ///< of the connection from `from`
  Reach back;               ///< of the connection from `to`
  std::string gateway;      ///< that it goes through; empty: none
  bool chosen = false;      ///< `from` would leave by that address of its own accord
  Measurement measurement;  ///< zeros: not measured

  bool works() const { return reach.outcome == Outcome::ok && back.outcome == Outcome::ok; }
  /// Bits per second in the slower direction; 0: not measured.
  double rate() const;
};

/// A port of `to` that `from` should reach, and how it went.
struct PortTest {
  int from = 0, to = 0;
  std::string address;
  uint16_t port = 0;
  Reach reach;
};

struct Survey {
  std::vector<HostReport> hosts;
  std::vector<Path> paths;           ///< that work, and those that a pair was tried over in vain
  std::vector<PortTest> port_tests;  ///< of the wanted ports

  bool usable(int host) const { return hosts[static_cast<size_t>(host)].error.empty(); }
  const HostFacts& facts(int host) const { return hosts[static_cast<size_t>(host)].facts; }
  std::vector<int> usable_hosts() const;
};

struct SurveySetting {
  RemoteShell shell;
  std::optional<uint16_t> starting_port;  ///< the first of the ports that a job will want
  std::chrono::milliseconds flow{250};    ///< of data each way over each path; 0: no measuring
  /// What is going on, for a person to read.
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

/// Asks all hosts at once. What fails is in the result.
Survey run_survey(const std::vector<Host>& hosts, const SurveySetting& setting);

/// Pairs of n things in rounds, as in a tournament: each round has every thing at
/// most once, every pair is in one round.
std::vector<std::vector<std::pair<int, int>>> rounds_of_pairs(int n);

/// The pairs of addresses over which two hosts may reach each other. `near`: those
/// within one subnet and those that the user has listed for both; otherwise all
/// others of one kind.
std::vector<std::pair<std::string, std::string>> address_pairs(const HostReport& a,
                                                               const HostReport& b, bool near);

}  // namespace mlx::launch::config
