#include "mlx/distributed/transports/rdma/device.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed::rdma {
namespace {

// More than a port has that is used by hand.
constexpr size_t kMostGids = 16;

class DeviceList {
 public:
  explicit DeviceList(const Verbs& verbs) : verbs_(verbs), list_(verbs.get_device_list(nullptr)) {}
  ~DeviceList() {
    if (list_) verbs_.free_device_list(list_);
  }
  DeviceList(const DeviceList&) = delete;
  DeviceList& operator=(const DeviceList&) = delete;

  // The list ends with a null; there is none where the kernel knows no RDMA.
  ibv_device** begin() const { return list_; }
  ibv_device** end() const {
    ibv_device** at = list_;
    while (at && *at) ++at;
    return at;
  }

 private:
  const Verbs& verbs_;
  ibv_device** list_;
};

Gid::Kind kind_of(const ibv_gid_entry& entry) {
  if (entry.gid_type == IBV_GID_TYPE_IB) return Gid::Kind::infiniband;
  const uint8_t* raw = entry.gid.raw;
  constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(std::begin(kMapped), std::end(kMapped), raw)) return Gid::Kind::ipv4;
  const bool link_local = raw[0] == 0xfe && (raw[1] & 0xc0) == 0x80;
  return link_local ? Gid::Kind::link_local : Gid::Kind::ipv6;
}

}  // namespace

Device::Device(const Verbs& verbs, std::string name, Context context)
    : verbs_(verbs), name_(std::move(name)), context_(std::move(context)) {}

// False when the port, or all of them, are down.
bool Device::choose_port(int wanted) {
  const int last = wanted > 0 ? wanted : limits_.phys_port_cnt;
  for (int port = std::max(wanted, 1); port <= last; ++port) {
    port_ = static_cast<uint8_t>(port);
    if (verbs_.query_port(context(), port_, &port_attributes_) == 0 &&
        port_attributes_.state == IBV_PORT_ACTIVE) {
      return true;
    }
  }
  return false;
}

void Device::read_gids(int wanted) {
  std::vector<ibv_gid_entry> entries(256);
  const ssize_t count =
      verbs_.query_gid_table(context(), entries.data(), entries.size(), 0, sizeof(ibv_gid_entry));
  entries.resize(count > 0 ? static_cast<size_t>(count) : 0);
  for (const ibv_gid_entry& entry : entries) {
    const bool ours = entry.port_num == port_ && entry.gid_type != IBV_GID_TYPE_ROCE_V1 &&
                      (wanted < 0 || entry.gid_index == static_cast<uint32_t>(wanted));
    if (!ours || gids_.size() == kMostGids || entry.gid_index > UINT8_MAX) continue;
    Gid& gid = gids_.emplace_back();
    std::copy_n(entry.gid.raw, gid.bytes.size(), gid.bytes.begin());
    gid.kind = kind_of(entry);
    gid.index = static_cast<uint8_t>(entry.gid_index);
  }
  if (!gids_.empty()) return;
  throw DistributedError(concat(
      "[rdma] Port ", int{port_}, " of ", name_,
      wanted < 0 ? " has no address of RoCE v2 or InfiniBand."
                 : concat(" has no such address: got index ", wanted, " (MLX_IBV_GID_INDEX).")));
}

std::shared_ptr<Device> Device::open(const Verbs& verbs, const Choice& choice) {
  std::string seen;
  for (ibv_device* candidate : DeviceList(verbs)) {
    const std::string name = verbs.get_device_name(candidate);
    if (!choice.name.empty() && name != choice.name) continue;
    seen += concat(seen.empty() ? "" : ", ", name);
    Context context(verbs.open_device(candidate), {&verbs});
    if (!context) continue;
    std::shared_ptr<Device> device(new Device(verbs, name, std::move(context)));
    if (verbs.query_device(device->context(), &device->limits_) != 0) continue;
    if (!device->choose_port(choice.port)) continue;
    device->domain_ = Domain(verbs.alloc_pd(device->context()), {&verbs});
    if (!device->domain_) {
      throw DistributedError(
          concat("[rdma] ", name, " refuses a protection domain: ", std::strerror(errno), "."));
    }
    device->read_gids(choice.gid_index);
    device->registrations_ =
        std::make_unique<Registrations>(verbs, device->domain(), device->limits_.max_mr);
    return device;
  }
  if (seen.empty() && !choice.name.empty()) {
    throw DistributedError(concat("[rdma] There is no such device: got ", choice.name, "."));
  }
  if (seen.empty()) {
    throw DistributedError("[rdma] This host has no RDMA device: got none, expected one.");
  }
  throw DistributedError(concat("[rdma] No port is active: got ", seen,
                                choice.port > 0 ? concat(", port ", choice.port) : "",
                                ", expected a device with a link."));
}

std::string obstacle(const Verbs& verbs) {
  try {
    Device::open(verbs, {});
    return "";
  } catch (const DistributedError& error) {
    constexpr std::string_view kPrefix = "[rdma] ";
    return std::string(error.what()).substr(kPrefix.size());
  }
}

}  // namespace mlx::core::distributed::rdma
