#pragma once

// An RDMA device of this host: its port, addresses and limits.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "mlx/distributed/transports/rdma/registration.h"
#include "mlx/distributed/transports/rdma/verbs.h"

namespace mlx::core::distributed::rdma {

/// An address of a port. RoCE v1 has no place here: it is not routed and old.
struct Gid {
  /// In the order of preference.
  enum class Kind : uint8_t { infiniband, link_local, ipv6, ipv4 };

  std::array<uint8_t, 16> bytes{};
  Kind kind = Kind::infiniband;
  uint8_t index = 0;
};

class Device {
 public:
  struct Choice {
    std::string name;    ///< empty: the first with an active port
    int port = 0;        ///< 0: the first active one
    int gid_index = -1;  ///< -1: any
  };

  /// Errors: DistributedError when there is no such device, port or address.
  static std::shared_ptr<Device> open(const Verbs& verbs, const Choice& choice);

  const Verbs& verbs() const { return verbs_; }
  const std::string& name() const { return name_; }
  ibv_context* context() const { return context_.get(); }
  ibv_pd* domain() const { return domain_.get(); }
  uint8_t port() const { return port_; }
  const ibv_port_attr& port_attributes() const { return port_attributes_; }
  const ibv_device_attr& limits() const { return limits_; }
  /// Never empty.
  const std::vector<Gid>& gids() const { return gids_; }
  Registrations& registrations() { return *registrations_; }

 private:
  Device(const Verbs& verbs, std::string name, Context context);
  bool choose_port(int wanted);
  void read_gids(int wanted);

  const Verbs& verbs_;
  const std::string name_;
  Context context_;
  Domain domain_;
  uint8_t port_ = 0;
  ibv_port_attr port_attributes_{};
  ibv_device_attr limits_{};
  std::vector<Gid> gids_;
  std::unique_ptr<Registrations> registrations_;
};

/// Why no device can be used, as a sentence. Empty if one can.
std::string obstacle(const Verbs& verbs);

}  // namespace mlx::core::distributed::rdma
