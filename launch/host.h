#pragma once

// A host of the job, as --hosts or a hostfile names it.

#include <string>
#include <utility>
#include <vector>

namespace mlx::launch {

using Variables = std::vector<std::pair<std::string, std::string>>;

struct Host {
  std::string name;              ///< what ssh gets: a name, an IPv4 or IPv6 address
  std::string user;              ///< empty: ssh's choice
  int port = 0;                  ///< of its sshd; 0: ssh's choice
  std::string identity;          ///< private key file; empty: ssh's choice
  int slots = 1;                 ///< how many ranks it takes; -n multiplies
  std::vector<std::string> ips;  ///< its addresses for data; empty: found by itself
  /// Of the rdma matrix the row of this host: for each rank of the job the names
  /// of the devices that lead there, none for itself. Empty without one.
  std::vector<std::vector<std::string>> rdma;
  Variables environment;  ///< only for its ranks

  /// This computer: "localhost", a loopback address, its own name; reached without ssh.
  bool is_here() const;
  /// Whether both mean the same login: their ranks share one connection.
  bool same_login(const Host& other) const;
};

/// The most ranks of a job.
constexpr int kMostRanks = 4096;
constexpr int kMostPort = 65535;

/// A host as it is typed: a name or an address, "user@name", "[::1]".
/// Errors: std::invalid_argument for what names no host, such as "-x", "a b" or "name:2".
Host parse_host(const std::string& text);

/// Whether the text is an IPv4 or IPv6 address ("fe80::1%eth0" too).
bool is_address(const std::string& text);

/// "NAME=VALUE". Errors: std::invalid_argument for anything else.
std::pair<std::string, std::string> parse_variable(const std::string& text);

}  // namespace mlx::launch
