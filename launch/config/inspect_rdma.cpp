// RDMA devices, through libibverbs where it is installed.

#include <arpa/inet.h>
#include <net/if.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "mlx/distributed/transports/rdma/verbs.h"
#include "mlx/launch/config/files.h"
#include "mlx/launch/config/inspect.h"

namespace mlx::launch::config {
namespace {

namespace rdma = core::distributed::rdma;

std::string state_name(ibv_port_state state) {
  switch (state) {
    case IBV_PORT_ACTIVE:
      return "active";
    case IBV_PORT_DOWN:
      return "down";
    case IBV_PORT_INIT:
      return "init (no subnet manager?)";
    case IBV_PORT_ARMED:
      return "armed";
    default:
      return "unknown";
  }
}

// What the specification calls SDR, DDR, QDR, FDR10, FDR, EDR, HDR, NDR: per lane.
double gigabits_of(int speed, int width) {
  constexpr double kLane[] = {2.5, 5, 10, 10.3125, 14.0625, 25.78125, 53.125, 106.25};
  const auto bit = [](int value) { return std::countr_zero(static_cast<unsigned>(value)); };
  constexpr int kLanes[] = {1, 4, 8, 12, 2};
  if (speed <= 0 || width <= 0 || bit(speed) > 7 || bit(width) > 4) return 0;
  return kLane[bit(speed)] * kLanes[bit(width)];
}

std::string type_name(uint32_t type) {
  return type == IBV_GID_TYPE_ROCE_V2   ? "RoCE v2"
         : type == IBV_GID_TYPE_ROCE_V1 ? "RoCE v1"
                                        : "InfiniBand";
}

Gid to_gid(const ibv_gid_entry& entry) {
  char text[INET6_ADDRSTRLEN] = "", interface[IF_NAMESIZE] = "";
  inet_ntop(AF_INET6, entry.gid.raw, text, sizeof text);
  if (entry.ndev_ifindex != 0) if_indextoname(entry.ndev_ifindex, interface);
  return {.index = static_cast<int>(entry.gid_index),
          .value = text,
          .type = type_name(entry.gid_type),
          .interface = interface,
          .usable = entry.gid_type != IBV_GID_TYPE_ROCE_V1};
}

RdmaPort to_port(int number, const ibv_port_attr& attributes) {
  RdmaPort port;
  port.number = number;
  port.state = state_name(attributes.state);
  port.link_layer = attributes.link_layer == IBV_LINK_LAYER_ETHERNET ? "Ethernet" : "InfiniBand";
  port.gigabits = gigabits_of(attributes.active_speed, attributes.active_width);
  port.mtu = 128 << attributes.active_mtu;
  port.lid = attributes.lid;
  return port;
}

void read_ports(const rdma::Verbs& verbs, ibv_device* device, RdmaDevice& out) {
  const rdma::Context context(verbs.open_device(device), {&verbs});
  ibv_device_attr attributes{};
  if (!context || verbs.query_device(context.get(), &attributes) != 0) {
    out.error = std::string("cannot be opened: ") + std::strerror(errno);
    return;
  }
  std::vector<ibv_gid_entry> gids(1024);
  const ssize_t count =
      verbs.query_gid_table(context.get(), gids.data(), gids.size(), 0, sizeof gids[0]);
  gids.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
  for (int number = 1; number <= attributes.phys_port_cnt; ++number) {
    ibv_port_attr port{};
    if (verbs.query_port(context.get(), static_cast<uint8_t>(number), &port) != 0) continue;
    out.ports.push_back(to_port(number, port));
    for (const ibv_gid_entry& entry : gids) {
      if (entry.port_num == static_cast<uint32_t>(number)) {
        out.ports.back().gids.push_back(to_gid(entry));
      }
    }
    auto& made = out.ports.back();
    if (made.link_layer == "InfiniBand" && !made.gids.empty()) {
      made.subnet = made.gids[0].value.substr(0, made.gids[0].value.find("::"));
    }
  }
}

}  // namespace

Rdma inspect_rdma() {
  Rdma out;
  const rdma::Verbs* verbs = rdma::system_verbs();
  if (!verbs) return out;
  out.library = true;
  int count = 0;
  ibv_device** list = verbs->get_device_list(&count);
  for (int i = 0; list && i < count; ++i) {
    RdmaDevice device;
    device.name = verbs->get_device_name(list[i]);
    // Soft-RoCE and Soft-iWARP have no device of a bus behind them.
    device.software =
        access(("/sys/class/infiniband/" + device.name + "/device").c_str(), F_OK) != 0;
    read_ports(*verbs, list[i], device);
    out.devices.push_back(std::move(device));
  }
  if (list) verbs->free_device_list(list);
  return out;
}

}  // namespace mlx::launch::config
