#pragma once

// Finds out what this host is: /proc, /sys, the kernel's tables, libraries.
// `root` stands before /proc and /sys: tests show made-up hosts.

#include <string>
#include <vector>

#include "mlx/launch/config/facts.h"

namespace mlx::launch::config {

/// Everything below together.
HostFacts inspect();

Processor inspect_processor(const std::string& root);
std::vector<Gpu> inspect_gpus(const std::string& root);
std::vector<Route> inspect_routes(const std::string& root);
/// Names of the network interfaces of the kernel, without loopback.
std::vector<Interface> inspect_interfaces();
Rdma inspect_rdma();
std::map<std::string, std::string> inspect_programs();
/// What guards the ports: ufw, firewalld or nft if in charge, else iptables or nft if installed.
std::string inspect_firewall(const std::string& root);

/// ethernet, thunderbolt, infiniband, wireless or virtual. `type` is the kernel's ARPHRD_.
std::string kind_of_interface(int type, const std::string& driver, bool wireless);

/// How packets to an address leave this host.
struct NextHop {
  std::string interface = {};
  std::string gateway = {};  ///< empty: directly
  std::string source = {};   ///< the address of ours that they carry
  std::string error = {};    ///< "Network is unreachable"; empty: there is a way
};
NextHop way_to(const std::string& ip);

}  // namespace mlx::launch::config
