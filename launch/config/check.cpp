#include "mlx/launch/config/check.h"

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/launch/config/links.h"
#include "mlx/launch/config/words.h"

namespace mlx::launch::config {
namespace {

using core::concat;

class Check {
 public:
  Check(const Hostfile& hostfile, const Survey& survey)
      : hostfile_(hostfile), survey_(survey), links_(rdma_links(survey)) {
    for (size_t i = 0; i < hostfile.hosts.size(); ++i) {
      host_of_rank_.insert(host_of_rank_.end(), static_cast<size_t>(hostfile.hosts[i].slots),
                           static_cast<int>(i));
    }
  }

  std::vector<Finding> run() {
    for (const int host : survey_.usable_hosts()) {
      for (const std::string& ip : entry(host).ips) address(host, ip);
      matrix_row(host);
      backend(host);
    }
    return std::move(found_);
  }

 private:
  const Host& entry(int host) const { return hostfile_.hosts[static_cast<size_t>(host)]; }
  const std::string& name(int host) const { return name_of(survey_, host); }
  void problem(const char* kind, std::vector<int> hosts, std::string text) {
    found_.push_back({true, kind, std::move(text), std::move(hosts)});
  }

  void address(int host, const std::string& ip);
  void matrix_row(int host);
  void device(int host, int other, const std::string& device);
  void backend(int host);

  const Hostfile& hostfile_;
  const Survey& survey_;
  const std::vector<RdmaLink> links_;
  std::vector<int> host_of_rank_;
  std::vector<Finding> found_;
};

void Check::address(int host, const std::string& ip) {
  const Interface* interface = survey_.facts(host).interface_of(ip);
  if (!interface) {
    std::vector<std::string> has;
    for (const Interface& i : survey_.facts(host).interfaces) {
      for (const Address& a : i.addresses) has.push_back(a.ip);
    }
    problem("address", {host},
            concat(name(host), " does not have the address ", ip, "; it has ",
                   has.empty() ? "none" : list_text(has), "."));
    return;
  }
  if (!interface->up || !interface->linked) {
    problem("address", {host},
            concat(name(host), ": the interface ", interface->name, " of ", ip,
                   interface->up ? " has no link." : " is down."));
  }
  // Where no address works at all that has been said of the pair.
  for (const int other : survey_.usable_hosts()) {
    if (other == host) continue;
    bool joined = false, reached = false;
    for (const Path& p : survey_.paths) {
      const bool between = std::minmax(host, other) == std::minmax(p.from, p.to);
      if (!between || !p.works()) continue;
      joined = true;
      reached |= (p.from == host ? p.from_address : p.to_address) == ip;
    }
    if (joined && !reached) {
      problem("address", {host, other},
              concat(name(other), " does not reach ", name(host), " at ", ip, "."));
    }
  }
}

void Check::matrix_row(int host) {
  const auto& row = entry(host).rdma;
  if (row.empty()) return;
  if (row.size() != host_of_rank_.size()) {
    problem("rdma", {host},
            concat("The rdma list of ", name(host), " has ", row.size(), " entries for ",
                   host_of_rank_.size(), " ranks."));
    return;
  }
  std::vector<std::pair<int, std::string>> seen;
  for (size_t rank = 0; rank < row.size(); ++rank) {
    for (const std::string& d : row[rank]) {
      const std::pair one(host_of_rank_[rank], d);
      if (std::find(seen.begin(), seen.end(), one) != seen.end()) continue;
      seen.push_back(one);
      device(host, one.first, d);
    }
  }
}

void Check::device(int host, int other, const std::string& device) {
  const Rdma& rdma = survey_.facts(host).rdma;
  const auto at = std::find_if(rdma.devices.begin(), rdma.devices.end(),
                               [&](const RdmaDevice& d) { return d.name == device; });
  if (at == rdma.devices.end()) {
    problem("rdma", {host},
            concat(name(host), " has no RDMA device ", device,
                   rdma.library ? "." : ": libibverbs is not installed."));
    return;
  }
  const bool active = std::any_of(at->ports.begin(), at->ports.end(),
                                  [](const RdmaPort& p) { return p.state == "active"; });
  if (!active) {
    problem("rdma", {host}, concat(name(host), ": no port of ", device, " is active."));
    return;
  }
  const bool joined = std::any_of(links_.begin(), links_.end(), [&](const RdmaLink& l) {
    return (l.from == host && l.to == other && l.from_device == device) ||
           (l.from == other && l.to == host && l.to_device == device);
  });
  if (!joined && host != other && survey_.usable(other)) {
    problem("rdma", {host, other},
            concat(name(host), ": ", device, " does not lead to ", name(other), "."));
  }
}

void Check::backend(int host) {
  const HostFacts& f = survey_.facts(host);
  const auto missing = [&](const char* what) {
    problem("backend", {host},
            concat("Backend ", hostfile_.backend, " needs ", what, ", which ", name(host),
                   " does not have."));
  };
  if (hostfile_.backend == "nccl") {
    if (f.programs.count("libnccl.so.2") == 0) missing("libnccl.so.2");
    const bool gpu = std::any_of(f.gpus.begin(), f.gpus.end(),
                                 [](const Gpu& g) { return g.driver == "nvidia"; });
    if (!gpu) missing("a GPU with the driver nvidia");
  } else if (hostfile_.backend == "mpi") {
    if (f.programs.count("mpirun") == 0) missing("mpirun");
  } else if (is_rdma(hostfile_.backend)) {
    if (f.rdma.devices.empty()) missing("an RDMA device");
  }
}

}  // namespace

std::vector<Finding> check_hostfile(const Hostfile& hostfile, const Survey& survey) {
  return Check(hostfile, survey).run();
}

}  // namespace mlx::launch::config
