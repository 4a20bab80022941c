#pragma once

// What a host says about itself. It travels as JSON from the probe there to us;
// what a host does not tell keeps the value that stands here.

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace mlx::launch::config {

struct Address {
  std::string ip;
  int prefix = 0;  ///< bits of its subnet

  bool is_ipv6() const { return ip.find(':') != std::string::npos; }
};

/// A network interface with a use for us: no loopback, no link-local addresses.
struct Interface {
  std::string name;
  std::string kind;  ///< ethernet, thunderbolt, infiniband, wireless, virtual
  std::string driver;
  std::string mac;
  bool up = false;      ///< switched on
  bool linked = false;  ///< a cable or its like leads somewhere
  int mtu = 0;
  int64_t megabits = -1;  ///< speed that the driver claims; -1: it does not
  std::string peer;       ///< thunderbolt: the name of the host at the other end
  std::vector<Address> addresses;
};

struct Route {
  std::string destination;  ///< "10.0.0.0/8", "default"
  std::string gateway;      ///< empty: directly
  std::string interface;
  int metric = 0;
};

struct NumaNode {
  int number = 0;
  std::string cpus;  ///< "0-15,32-47"
  int64_t memory = 0;
};

struct Processor {
  std::string model;
  int sockets = 0;
  int cores = 0;
  int threads = 0;
  int usable = 0;  ///< threads that we may run on
  /// Those that make a difference to kernels: avx2, avx512f, amx_tile, ...
  std::vector<std::string> features;
  std::vector<NumaNode> nodes;
};

struct Gpu {
  std::string name;
  std::string vendor;
  std::string bus;     ///< "0000:3b:00.0"
  std::string driver;  ///< of the kernel; empty: none, so it cannot be used
};

struct Gid {
  int index = 0;
  std::string value;      ///< as an IPv6 address
  std::string type;       ///< "RoCE v2", "RoCE v1", "InfiniBand"
  std::string interface;  ///< the network interface that it belongs to
  /// Whether our rdma transport takes it: InfiniBand's, and RoCE v2's.
  bool usable = false;
};

struct RdmaPort {
  int number = 0;
  std::string state;       ///< "active", "down", ...
  std::string link_layer;  ///< "InfiniBand", "Ethernet"
  double gigabits = 0;     ///< 0: unknown
  int mtu = 0;
  int lid = 0;
  std::string subnet;  ///< InfiniBand: the subnet's prefix
  std::vector<Gid> gids;
};

struct RdmaDevice {
  std::string name;
  bool software = false;  ///< Soft-RoCE or Soft-iWARP: no hardware behind it
  std::string error;      ///< why it cannot be opened
  std::vector<RdmaPort> ports;
};

struct Rdma {
  bool library = false;  ///< libibverbs is there and new enough
  std::vector<RdmaDevice> devices;
};

struct HostFacts {
  std::string hostname;
  std::string system;  ///< "Debian GNU/Linux 12 (bookworm)"
  std::string kernel;
  std::string machine;  ///< "x86_64"
  std::string boot_id;  ///< equal: the same computer
  int64_t memory = 0;
  int64_t memory_available = 0;
  int64_t lockable = -1;  ///< bytes that a process may lock, as RDMA does; -1: no limit
  int64_t shared = 0;     ///< bytes of /dev/shm
  int64_t open_files = 0;
  bool root = false;
  int first_ephemeral = 0, last_ephemeral = 0;  ///< ports that the system gives out
  std::string firewall;  ///< ufw, firewalld, nft, iptables: what is in charge
  /// Programs and libraries: mlx-launch, mpirun, libnccl.so.2, ... to their version,
  /// or "present". What is missing is not in it.
  std::map<std::string, std::string> programs;
  Processor processor;
  std::vector<Gpu> gpus;
  std::vector<Interface> interfaces;
  std::vector<Route> routes;
  Rdma rdma;

  /// The interface with that address; null: none.
  const Interface* interface_of(const std::string& ip) const;
};

void to_json(nlohmann::json& json, const HostFacts& facts);
/// Errors: nlohmann::json::exception when a field has another type.
void from_json(const nlohmann::json& json, HostFacts& facts);

/// Whether two addresses are in one subnet of that many bits.
bool same_subnet(const std::string& a, const std::string& b, int prefix);

}  // namespace mlx::launch::config
