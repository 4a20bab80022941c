#include "mlx/distributed/transports/registry.h"

#include <numeric>

#include "mlx/core/base/error.h"
#include "mlx/distributed/transports/link_transport.h"
#include "mlx/distributed/transports/network.h"

namespace mlx::core::distributed {
namespace {

template <LinkChoice choice>
std::unique_ptr<Transport> over_links(std::shared_ptr<Job> job) {
  std::vector<int> everyone(static_cast<size_t>(job->size()));
  std::iota(everyone.begin(), everyone.end(), 0);
  auto reception = std::make_shared<Reception>(std::move(job), choice);
  return std::make_unique<LinkTransport>(
      make_network_connector(std::move(reception), 0, std::move(everyone)));
}

constexpr TransportKind kKinds[] = {
    {"auto", over_links<LinkChoice::mixed>},
    {"tcp", over_links<LinkChoice::tcp>},
    {"shm", over_links<LinkChoice::shm>},
};

}  // namespace

std::span<const TransportKind> transport_kinds() { return kKinds; }

const TransportKind& transport_kind(std::string_view name) {
  for (const TransportKind& kind : kKinds) {
    if (kind.name == name || (name.empty() && kind.name == "auto")) return kind;
  }
  throw_invalid("[init] No such transport: got \"", name, "\", expected auto, tcp or shm.");
}

}  // namespace mlx::core::distributed
