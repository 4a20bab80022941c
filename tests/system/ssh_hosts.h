#pragma once

// Hosts with an sshd each, on one machine.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "distributed/hosts/hosts.h"

namespace mlx::test {

/// Each host has a network card, process numbers, a name, a root with a home, and
/// folders for temporary files of its own; programs it shares with us. We, and the
/// programs that we start, are on the bridge that joins them. Everything is in
/// namespaces and vanishes with this process, however that ends.
class SshHosts {
 public:
  /// Why there can be none here (needs root, iproute2, openssh-server and nftables); empty: there
  /// can.
  static std::string missing();

  /// Hosts "h1" to "h<count>": numbers 0 to count - 1.
  explicit SshHosts(int count);
  SshHosts(const SshHosts&) = delete;
  SshHosts& operator=(const SshHosts&) = delete;
  ~SshHosts();

  /// The command that reaches them: "ssh -F <settings of ours>".
  std::string ssh() const { return "ssh -F " + folder_ + "/ssh_config"; }
  /// Our own settings and keys: ssh_config, known_hosts, id. All hosts see it as /run/shared.
  const std::string& folder() const { return folder_; }
  static std::string address6(int host) { return "fd77::" + std::to_string(host + 1); }

  int count() const { return static_cast<int>(holders_.size()); }

  /// What begins a command that runs on the host, as if somebody were logged in there.
  std::vector<std::string> enter(int host) const;
  /// Runs a script on the host as root; what it prints. Errors: std::runtime_error if it fails.
  std::string run(int host, const std::string& script) const;
  core::distributed::testing::Hosts& networks() { return networks_; }
  /// Nobody gets its attempts to connect any more; it can still be connected to.
  void put_behind_firewall(int host) const;
  /// It accepts connections and says nothing any more.
  void stop_answering(int host) const;
  /// Power off.
  void kill(int host);
  /// Processes of the host, sshd itself apart, whose command line holds the text: as we number
  /// them.
  std::vector<pid_t> processes(int host, const std::string& text = "") const;

  /// What a job has left: processes, listening ports and files on each host that
  /// runs, listening ports here. Waits a moment for connections to end.
  std::vector<std::string> leftovers(
      std::chrono::milliseconds patience = std::chrono::seconds(10)) const;

 private:
  void write_settings(int count);
  void start(int host);
  void wait_until_reachable(int host) const;
  /// Process 1 of the host, its sshd, as we number it.
  pid_t init(int host) const;
  std::vector<std::string> leftovers_now() const;

  const std::string folder_;
  core::distributed::testing::Hosts networks_;
  std::vector<pid_t> holders_;  // processes whose end ends a host; -1: it has ended
};

}  // namespace mlx::test
