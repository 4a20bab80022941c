#include "mlx/distributed/transports/registry.h"

#include "mlx/core/base/error.h"
#include "mlx/distributed/transports/network.h"
#include "mlx/distributed/transports/rdma/rdma_fabric.h"

namespace mlx::core::distributed {
namespace {

template <LinkChoice choice>
std::shared_ptr<Fabric> links(std::shared_ptr<Job> job) {
  return make_link_fabric(std::move(job), choice);
}

constexpr FabricKind kKinds[] = {
    {"auto", links<LinkChoice::mixed>},
    {"tcp", links<LinkChoice::tcp>},
    {"shm", links<LinkChoice::shm>},
    {"rdma", rdma::make_rdma_fabric},
};

}  // namespace

std::span<const FabricKind> fabric_kinds() { return kKinds; }

const FabricKind& fabric_kind(std::string_view name) {
  for (const FabricKind& kind : kKinds) {
    if (kind.name == name || (name.empty() && kind.name == "auto")) return kind;
  }
  throw_invalid("[init] No such transport: got \"", name, "\", expected auto, tcp, shm or rdma.");
}

}  // namespace mlx::core::distributed
