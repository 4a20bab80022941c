#include "mlx/launch/config/choose.h"

#include <algorithm>
#include <map>
#include <optional>

#include "mlx/core/base/error.h"
#include "mlx/launch/config/findings.h"
#include "mlx/launch/config/order.h"
#include "mlx/launch/config/words.h"

namespace mlx::launch::config {
namespace {

using core::concat;

// A further address is used beside the best if it brings at least this part of its rate.
constexpr double kWorthwhile = 0.5;

// An address of a host as the others see it.
struct Candidate {
  std::string ip;
  const Interface* interface = nullptr;
  size_t reached_by = 0;  // how many other hosts
  double rate = 0;        // with the slowest of them
};

class Chooser {
 public:
  Chooser(const Survey& survey, const Wishes& wishes)
      : survey_(survey), wishes_(wishes), hosts_(survey.usable_hosts()) {}

  Choice run();

 private:
  const std::string& name(int host) const { return name_of(survey_, host); }
  void because(const std::string& sentence) { out_.reasons.push_back(sentence); }

  void decide_medium();
  bool decide_rdma(bool asked);
  void decide_backend();
  std::vector<Candidate> candidates(int host) const;
  void choose_addresses(int host);
  Levels tcp_levels() const;
  Levels rdma_levels(bool hardware_only) const;
  double tcp_rate(int a, int b) const;
  void choose_order();
  void explain_order(const Levels& levels);
  void write_hostfile();
  std::vector<std::string> devices(int from, int to) const;

  const Survey& survey_;
  const Wishes& wishes_;
  const std::vector<int> hosts_;
  std::map<int, std::vector<std::string>> ips_;
  Choice out_;
};

bool complete(const Levels& levels) {
  for (size_t i = 0; i < levels.size(); ++i) {
    for (size_t j = 0; j < levels.size(); ++j) {
      if (i != j && levels[i][j] == kNoLink) return false;
    }
  }
  return true;
}

bool has_ring(const Levels& levels) {
  return levels.size() < 2 || worth_of(levels, best_ring(levels)).slowest != kNoLink;
}

Choice Chooser::run() {
  if (hosts_.empty()) {
    out_.troubles.push_back("No host can be used.");
    return std::move(out_);
  }
  out_.rdma = rdma_links(survey_);
  decide_medium();
  if (!out_.troubles.empty()) return std::move(out_);
  decide_backend();
  for (const int host : hosts_) choose_addresses(host);
  choose_order();
  write_hostfile();
  return std::move(out_);
}

// Whether RDMA is what data goes over; says why or why not.
bool Chooser::decide_rdma(bool asked) {
  const Levels levels = rdma_levels(!asked);
  out_.mesh = complete(levels) && wishes_.backend != "jaccl-ring";
  if (hosts_.size() > 1 && (out_.mesh || has_ring(levels))) {
    because(out_.mesh ? "RDMA joins every pair of hosts, so each talks to each directly."
                      : "RDMA joins the hosts in a ring; the other pairs use TCP.");
    return true;
  }
  std::vector<int> without, no_library;
  for (const int host : hosts_) {
    const Rdma& rdma = survey_.facts(host).rdma;
    if (!rdma.library) {
      no_library.push_back(host);
    } else if (rdma.devices.empty()) {
      without.push_back(host);
    }
  }
  std::string why = "RDMA is not used: ";
  if (hosts_.size() < 2) {
    why += "there is one host";
  } else if (!no_library.empty()) {
    why += concat("libibverbs is missing on ", list_text(names_of(survey_, no_library)));
  } else if (!without.empty()) {
    why += concat("there is no device on ", list_text(names_of(survey_, without)));
  } else if (!out_.rdma.empty() && has_ring(rdma_levels(false))) {
    why += "its devices are software (Soft-RoCE), which is slower than TCP; --over rdma takes them";
  } else {
    why += "active ports join the hosts not even in a ring";
  }
  (asked ? out_.troubles : out_.reasons).push_back(why + ".");
  return false;
}

void Chooser::decide_medium() {
  const bool asked = wishes_.over == Over::rdma || is_rdma(wishes_.backend);
  if (asked || (wishes_.over == Over::automatic && wishes_.backend.empty())) {
    if (decide_rdma(asked)) {
      out_.over = Over::rdma;
      return;
    }
  }
  if (wishes_.over != Over::thunderbolt && wishes_.over != Over::ethernet) {
    out_.over = Over::automatic;
    return;
  }
  out_.over = wishes_.over;
  for (const int host : hosts_) {
    const auto& interfaces = survey_.facts(host).interfaces;
    const bool has = std::any_of(interfaces.begin(), interfaces.end(), [&](const Interface& i) {
      return i.kind == over_name(out_.over) && i.up;
    });
    if (has || hosts_.size() < 2) continue;
    out_.troubles.push_back(
        out_.over == Over::thunderbolt
            ? concat(name(host),
                     " has no network interface over Thunderbolt that is up (on Linux "
                     "the driver thunderbolt-net makes one for each cable to a host).")
            : concat(name(host), " has no Ethernet interface that is up."));
  }
}

void Chooser::decide_backend() {
  if (!wishes_.backend.empty()) {
    out_.backend = wishes_.backend;
    because(concat("The backend ", out_.backend, " was asked for."));
    return;
  }
  if (out_.over == Over::rdma) {
    out_.backend = "rdma";
    return;
  }
  const bool nccl = std::all_of(hosts_.begin(), hosts_.end(), [&](int host) {
    const HostFacts& f = survey_.facts(host);
    return f.programs.count("libnccl.so.2") != 0 &&
           std::any_of(f.gpus.begin(), f.gpus.end(),
                       [](const Gpu& g) { return g.vendor == "NVIDIA" && g.driver == "nvidia"; });
  });
  out_.backend = nccl && wishes_.over == Over::automatic ? "nccl" : "ring";
  because(out_.backend == "nccl" ? "Every host has GPUs of NVIDIA and libnccl.so.2: backend nccl."
                                 : "Backend ring: TCP works between all kinds of hosts.");
}

std::vector<Candidate> Chooser::candidates(int host) const {
  std::map<std::string, std::map<int, double>> rates;  // by address, then by other host
  std::vector<std::string> order;
  for (const Path& p : survey_.paths) {
    if (!p.works() || (p.from != host && p.to != host)) continue;
    if (!survey_.usable(p.from) || !survey_.usable(p.to)) continue;
    if (!goes_over(survey_, p, out_.over == Over::rdma ? Over::automatic : out_.over)) continue;
    const std::string& ip = p.from == host ? p.from_address : p.to_address;
    if (rates.count(ip) == 0) order.push_back(ip);
    double& rate = rates[ip][p.from == host ? p.to : p.from];
    rate = std::max(rate, p.rate());
  }
  std::vector<Candidate> out;
  for (const std::string& ip : order) {
    Candidate c{ip, survey_.facts(host).interface_of(ip), rates[ip].size(), 0};
    c.rate = std::min_element(rates[ip].begin(), rates[ip].end(), [](auto& a, auto& b) {
               return a.second < b.second;
             })->second;
    out.push_back(c);
  }
  // Addresses on one cable are equally fast, whatever was measured.
  for (Candidate& c : out) {
    for (const Candidate& other : out) {
      if (c.interface == other.interface && c.reached_by == other.reached_by) {
        c.rate = std::max(c.rate, other.rate);
      }
    }
  }
  // Who is reached by more is better, then who is faster, then IPv4.
  std::stable_sort(out.begin(), out.end(), [](const Candidate& a, const Candidate& b) {
    if (a.reached_by != b.reached_by) return a.reached_by > b.reached_by;
    if (level_of(a.rate) != level_of(b.rate)) return a.rate > b.rate;
    return a.ip.find(':') == std::string::npos && b.ip.find(':') != std::string::npos;
  });
  return out;
}

// The ranks of a job connect to each of the addresses of each other, so all must
// be reached by all.
void Chooser::choose_addresses(int host) {
  if (hosts_.size() < 2) return;
  const std::vector<Candidate> all = candidates(host);
  const size_t others = hosts_.size() - 1;
  if (all.empty() || all[0].reached_by < others) {
    out_.troubles.push_back(concat(name(host), " has no address ",
                                   out_.over == Over::automatic || out_.over == Over::rdma
                                       ? ""
                                       : concat("over ", over_name(out_.over), " "),
                                   "that all other hosts reach."));
    if (all.empty()) return;
  }
  std::vector<const Interface*> used;
  for (const Candidate& c : all) {
    const bool first = used.empty();
    const bool same_cable = std::find(used.begin(), used.end(), c.interface) != used.end();
    const bool useful =
        c.reached_by == others && c.rate > 0 && !same_cable && c.rate >= kWorthwhile * all[0].rate;
    if (!first && !useful) continue;
    used.push_back(c.interface);
    ips_[host].push_back(c.ip);
  }
  if (used.size() > 1) {
    because(concat(name(host), " is used by ", used.size(), " addresses at once, ",
                   list_text(ips_[host]), ": none is slower than half of the fastest."));
  }
}

// Either may be the one that connects to an address of the other.
double Chooser::tcp_rate(int a, int b) const {
  double to_a = -1, to_b = -1;
  for (const Path& p : survey_.paths) {
    if (std::minmax(p.from, p.to) != std::minmax(a, b) || !p.works()) continue;
    const auto used = [&](int host) {
      const auto at = ips_.find(host);
      const std::string& ip = p.from == host ? p.from_address : p.to_address;
      return at != ips_.end() &&
             std::find(at->second.begin(), at->second.end(), ip) != at->second.end();
    };
    if (used(a)) to_a = std::max(to_a, p.rate());
    if (used(b)) to_b = std::max(to_b, p.rate());
  }
  return std::min(to_a, to_b);
}

Levels Chooser::tcp_levels() const {
  Levels levels(hosts_.size(), std::vector<int>(hosts_.size(), kNoLink));
  for (size_t i = 0; i < hosts_.size(); ++i) {
    for (size_t j = 0; j < hosts_.size(); ++j) {
      if (i == j) continue;
      const double rate = tcp_rate(hosts_[i], hosts_[j]);
      // What was not measured is all the same.
      levels[i][j] = rate == 0 ? 0 : level_of(rate);
    }
  }
  return levels;
}

Levels Chooser::rdma_levels(bool hardware_only) const {
  Levels levels(hosts_.size(), std::vector<int>(hosts_.size(), kNoLink));
  const auto is_software = [&](int host, const std::string& device) {
    for (const RdmaDevice& d : survey_.facts(host).rdma.devices) {
      if (d.name == device) return d.software;
    }
    return false;
  };
  const auto place = [&](int host) {
    return static_cast<size_t>(std::find(hosts_.begin(), hosts_.end(), host) - hosts_.begin());
  };
  for (const RdmaLink& l : out_.rdma) {
    if (hardware_only && (is_software(l.from, l.from_device) || is_software(l.to, l.to_device))) {
      continue;
    }
    const size_t a = place(l.from), b = place(l.to);
    const int level = l.rate > 0 ? level_of(l.rate) : 0;
    levels[a][b] = levels[b][a] = std::max(levels[a][b], level);
  }
  return levels;
}

void Chooser::choose_order() {
  const Levels levels = out_.over == Over::rdma ? rdma_levels(false) : tcp_levels();
  if (out_.over != Over::rdma) out_.mesh = complete(levels);
  for (const int place : best_ring(levels)) {
    out_.order.push_back(hosts_[static_cast<size_t>(place)]);
  }
  if (hosts_.size() > 1) explain_order(levels);
}

void Chooser::explain_order(const Levels& levels) {
  std::vector<int> given(hosts_.size());
  for (size_t i = 0; i < given.size(); ++i) given[i] = static_cast<int>(i);
  const RingWorth before = worth_of(levels, given), after = worth_of(levels, best_ring(levels));
  if (after.slowest == kNoLink) {
    because("No order makes a ring of links that work.");
    return;
  }
  const std::string order = list_text(names_of(survey_, out_.order));
  if (out_.order == hosts_) {
    because(concat("The order ", order, " stays as given: no other makes a better ring."));
  } else if (before.slowest < after.slowest) {
    because(concat("The order ", order, " makes the ring whose slowest link is the fastest",
                   before.slowest == kNoLink ? "; in the given order a link would be missing."
                                             : "; in the given order it would be slower."));
  } else {
    because(concat("The order ", order,
                   " has as fast a slowest link as the given one, and "
                   "faster others."));
  }
  if (hosts_.size() > kExactHosts) {
    because("With so many hosts not every order was considered.");
  }
}

std::vector<std::string> Chooser::devices(int from, int to) const {
  std::vector<std::string> out;
  for (const RdmaLink& l : out_.rdma) {
    const bool forth = l.from == from && l.to == to, back = l.from == to && l.to == from;
    if (!forth && !back) continue;
    const std::string& device = forth ? l.from_device : l.to_device;
    if (std::find(out.begin(), out.end(), device) == out.end()) out.push_back(device);
  }
  return out;
}

void Chooser::write_hostfile() {
  out_.hostfile.backend = out_.backend;
  out_.hostfile.environment = wishes_.environment;
  for (const int host : out_.order) {
    Host entry = survey_.hosts[static_cast<size_t>(host)].host;
    entry.ips = ips_[host];
    entry.rdma.clear();
    for (const int other : out_.order) {
      if (out_.over != Over::rdma) break;
      const auto there = host == other ? std::vector<std::string>{} : devices(host, other);
      const int slots = survey_.hosts[static_cast<size_t>(other)].host.slots;
      entry.rdma.insert(entry.rdma.end(), static_cast<size_t>(slots), there);
    }
    out_.hostfile.hosts.push_back(std::move(entry));
  }
}

}  // namespace

Choice choose(const Survey& survey, const Wishes& wishes) { return Chooser(survey, wishes).run(); }

}  // namespace mlx::launch::config
