#include "mlx/launch/config/facts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace mlx::launch::config {

#define MLX_FIELDS(type, ...) NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(type, __VA_ARGS__)
MLX_FIELDS(Address, ip, prefix)
MLX_FIELDS(Interface, name, kind, driver, mac, up, linked, mtu, megabits, peer, addresses)
MLX_FIELDS(Route, destination, gateway, interface, metric)
MLX_FIELDS(NumaNode, number, cpus, memory)
MLX_FIELDS(Processor, model, sockets, cores, threads, usable, features, nodes)
MLX_FIELDS(Gpu, name, vendor, bus, driver)
MLX_FIELDS(Gid, index, value, type, interface, usable)
MLX_FIELDS(RdmaPort, number, state, link_layer, gigabits, mtu, lid, subnet, gids)
MLX_FIELDS(RdmaDevice, name, software, error, ports)
MLX_FIELDS(Rdma, library, devices)

namespace fields {
MLX_FIELDS(HostFacts, hostname, system, kernel, machine, boot_id, memory, memory_available,
           lockable, shared, open_files, root, first_ephemeral, last_ephemeral, firewall, programs,
           processor, gpus, interfaces, routes, rdma)
}  // namespace fields
#undef MLX_FIELDS

void to_json(nlohmann::json& json, const HostFacts& facts) { fields::to_json(json, facts); }
void from_json(const nlohmann::json& json, HostFacts& facts) { fields::from_json(json, facts); }

const Interface* HostFacts::interface_of(const std::string& ip) const {
  for (const Interface& i : interfaces) {
    for (const Address& a : i.addresses) {
      if (a.ip == ip) return &i;
    }
  }
  return nullptr;
}

bool same_subnet(const std::string& a, const std::string& b, int prefix) {
  const bool six = a.find(':') != std::string::npos;
  std::array<uint8_t, 16> x{}, y{};
  const int family = six ? AF_INET6 : AF_INET;
  if (inet_pton(family, a.c_str(), x.data()) != 1 || inet_pton(family, b.c_str(), y.data()) != 1) {
    return false;
  }
  prefix = std::clamp(prefix, 0, six ? 128 : 32);
  for (size_t i = 0; prefix > 0; ++i, prefix -= 8) {
    const int spare = std::max(0, 8 - prefix);
    if ((x[i] >> spare) != (y[i] >> spare)) return false;
  }
  return true;
}

}  // namespace mlx::launch::config
