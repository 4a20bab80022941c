#pragma once

// Several hosts on one machine: network namespaces joined by a bridge, which
// itself is in a namespace of this process. They have no names and vanish with
// the process, however it ends.

#include <string>
#include <vector>

#include "mlx/distributed/bootstrap/socket.h"

namespace mlx::core::distributed::testing {

class Hosts {
 public:
  /// Why there can be none here (needs root and iproute2); empty: there can.
  static std::string missing();

  /// Moves the calling thread, and the threads that it starts, to the bridge.
  explicit Hosts(int count);

  /// The network namespace of a host: a file descriptor.
  int network(int host) const { return networks_[static_cast<size_t>(host)].fd(); }
  static std::string address(int host, int bridge = 0) {
    return "10.77." + std::to_string(bridge) + "." + std::to_string(host + 1);
  }
  static std::string bridge_address(int bridge = 0) { return address(253, bridge); }

  /// Joins all hosts by one more bridge.
  void add_bridge();
  /// Megabits per second that the host can send over each bridge.
  void limit_bandwidth(int host, int megabits);
  /// Pulls the host's cables.
  void unplug(int host);
  /// Lets nothing pass between the two any more; neither is told.
  void part(int host, int other);

  /// Runs a shell command in a network namespace; -1: in ours.
  /// Errors: std::runtime_error if it fails.
  static void run(const std::string& command, int network = -1);

 private:
  static Socket new_network();

  std::vector<Socket> networks_;
  int bridges_ = 0;
};

}  // namespace mlx::core::distributed::testing
