#include "mlx/launch/config/findings.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "mlx/core/base/error.h"
#include "mlx/launch/config/words.h"

namespace mlx::launch::config {
namespace {

using core::concat;

constexpr double kClockTolerance = 0.1;  // seconds: traces and logs are hard to compare beyond
constexpr double kSlow = 0.5;            // of the best rate
constexpr int64_t kFewestFiles = 1024;
constexpr int64_t kLeastShared = int64_t{256} << 20;

class Examination {
 public:
  explicit Examination(const Survey& survey) : survey_(survey), usable_(survey.usable_hosts()) {}

  std::vector<Finding> run() {
    lost_hosts();
    missing_paths();
    busy_ports();
    blocked_ports();
    versions("mlx-distributed-config");
    versions("mlx-launch");
    machines();
    clocks();
    mtus();
    slow_links();
    limits();
    std::stable_partition(found_.begin(), found_.end(), [](const Finding& f) { return f.problem; });
    return std::move(found_);
  }

 private:
  const std::string& name(int host) const { return name_of(survey_, host); }
  void problem(const char* kind, std::vector<int> hosts, std::string text) {
    found_.push_back({true, kind, std::move(text), std::move(hosts)});
  }
  void remark(const char* kind, std::vector<int> hosts, std::string text) {
    found_.push_back({false, kind, std::move(text), std::move(hosts)});
  }

  void lost_hosts();
  void missing_paths();
  void missing_path(int a, int b);
  void busy_ports();
  void blocked_ports();
  void versions(const char* program);
  void machines();
  void clocks();
  void mtus();
  void slow_links();
  void limits();

  const Survey& survey_;
  const std::vector<int> usable_;
  std::vector<Finding> found_;
};

void Examination::lost_hosts() {
  for (size_t i = 0; i < survey_.hosts.size(); ++i) {
    const int host = static_cast<int>(i);
    if (!survey_.usable(host)) {
      problem("host", {host}, concat(name(host), ": ", survey_.hosts[i].error, "."));
    }
  }
}

void Examination::missing_paths() {
  for (const int a : usable_) {
    for (const int b : usable_) {
      const bool works =
          std::any_of(survey_.paths.begin(), survey_.paths.end(),
                      [&](const Path& p) { return p.from == a && p.to == b && p.works(); });
      if (a < b && !works) missing_path(a, b);
    }
  }
}

void Examination::missing_path(int a, int b) {
  std::set<std::string> attempts;  // the same thing is said once
  for (const Path& p : survey_.paths) {
    if (p.from != a || p.to != b) continue;
    if (p.reach.outcome != Outcome::ok) {
      attempts.insert(concat(p.from_address, " to ", p.to_address, ": ", words_for(p.reach)));
    }
    if (p.back.outcome != Outcome::ok) {
      attempts.insert(concat(p.to_address, " to ", p.from_address, ": ", words_for(p.back)));
    }
  }
  std::string text = concat(name(a), " and ", name(b), " do not reach each other");
  if (attempts.empty()) text += ": they have no addresses of one kind";
  const char* separator = ": ";
  for (const std::string& attempt : attempts) text += separator + attempt, separator = "; ";
  problem("path", {a, b}, text + ".");
}

void Examination::busy_ports() {
  for (const int host : usable_) {
    std::vector<std::string> busy;
    for (const OpenPort& p : survey_.hosts[static_cast<size_t>(host)].ports) {
      if (p.wanted != 0 && p.port == 0) busy.push_back(concat(p.wanted));
    }
    if (busy.empty()) continue;
    problem("port", {host},
            concat(name(host), ": ", busy.size() == 1 ? "port " : "ports ", list_text(busy),
                   busy.size() == 1 ? " is" : " are", " in use."));
  }
}

// One sentence for all ports that fail in the same way.
void Examination::blocked_ports() {
  std::map<std::pair<std::pair<int, int>, std::string>, std::set<uint16_t>> blocked;
  for (const PortTest& t : survey_.port_tests) {
    if (t.reach.outcome == Outcome::ok) continue;
    blocked[{{t.from, t.to}, concat("at ", t.address, ": ", words_for(t.reach))}].insert(t.port);
  }
  for (const auto& [what, ports] : blocked) {
    const auto& [pair, how] = what;
    std::vector<std::string> numbers;
    for (const uint16_t port : ports) numbers.push_back(concat(port));
    problem("port", {pair.first, pair.second},
            concat(name(pair.first), " does not reach ", ports.size() == 1 ? "port " : "ports ",
                   list_text(numbers), " of ", name(pair.second), " ", how, "."));
  }
}

void Examination::versions(const char* program) {
  std::map<std::string, std::vector<int>> by_version;
  std::vector<int> missing;
  for (const int host : usable_) {
    const auto& programs = survey_.facts(host).programs;
    const auto at = programs.find(program);
    (at == programs.end() ? missing : by_version[at->second]).push_back(host);
  }
  if (!missing.empty()) {
    problem("version", missing,
            concat(program, " is missing on ", list_text(names_of(survey_, missing)), "."));
  }
  if (by_version.size() < 2) return;
  std::vector<std::string> parts;
  for (const auto& [version, hosts] : by_version) {
    parts.push_back(concat(version, " on ", list_text(names_of(survey_, hosts))));
  }
  problem("version", usable_,
          concat("The versions of ", program, " differ: ", list_text(parts), "."));
}

void Examination::machines() {
  for (const int host : usable_) {
    const std::string& machine = survey_.facts(host).machine;
    const std::string& first = survey_.facts(usable_[0]).machine;
    if (machine == first) continue;
    remark("machine", {usable_[0], host},
           concat(name(host), " is ", machine, ", ", name(usable_[0]), " is ", first,
                  ": each needs a program of its own, and results may differ in the last bits."));
  }
}

void Examination::clocks() {
  for (const int host : usable_) {
    const HostReport& h = survey_.hosts[static_cast<size_t>(host)];
    if (std::abs(h.clock_offset) - h.clock_error <= kClockTolerance) continue;
    remark("clock", {host},
           concat("The clock of ", name(host), " is ", time_text(std::abs(h.clock_offset)),
                  h.clock_offset > 0 ? " ahead" : " behind",
                  ": times in logs and traces do not compare. Run an NTP service."));
  }
}

// Within a subnet all must agree; routers take care of the rest.
void Examination::mtus() {
  std::set<std::string> said;
  for (const Path& p : survey_.paths) {
    const Interface* a = survey_.facts(p.from).interface_of(p.from_address);
    const Interface* b = survey_.facts(p.to).interface_of(p.to_address);
    if (!p.works() || !p.gateway.empty() || !a || !b || a->mtu == b->mtu) continue;
    const std::string text = concat(name(p.from), " (", a->name, ") and ", name(p.to), " (",
                                    b->name, ") have an MTU of ", a->mtu, " and ", b->mtu,
                                    " on one network: large packets are lost or cut.");
    if (said.insert(text).second) problem("mtu", {p.from, p.to}, text);
  }
}

// Each pair by its best path, beside the best pair.
void Examination::slow_links() {
  std::map<std::pair<int, int>, const Path*> best;
  const Path* fastest = nullptr;
  for (const Path& p : survey_.paths) {
    if (!p.works() || p.rate() <= 0) continue;
    const Path*& mine = best[{p.from, p.to}];
    if (!mine || p.rate() > mine->rate()) mine = &p;
    if (!fastest || p.rate() > fastest->rate()) fastest = &p;
  }
  for (const auto& [pair, path] : best) {
    if (path->rate() >= kSlow * fastest->rate()) continue;
    remark("speed", {pair.first, pair.second},
           concat("From ", name(pair.first), " to ", name(pair.second), " go at most ",
                  rate_text(path->measurement.forth), " and ", rate_text(path->measurement.back),
                  " back; between ", name(fastest->from), " and ", name(fastest->to), " ",
                  rate_text(fastest->rate()), "."));
  }
}

void Examination::limits() {
  for (const int host : usable_) {
    const HostFacts& f = survey_.facts(host);
    if (f.open_files >= 0 && f.open_files < kFewestFiles) {
      remark("limit", {host},
             concat(name(host), ": a process may open only ", f.open_files,
                    " files (ulimit -n); large jobs want more."));
    }
    if (f.shared < kLeastShared) {
      remark("limit", {host},
             concat(name(host), ": only ", bytes_text(f.shared),
                    " are free in /dev/shm, through which ranks of one host exchange data."));
    }
  }
}

}  // namespace

const std::string& name_of(const Survey& survey, int host) {
  return survey.hosts[static_cast<size_t>(host)].host.name;
}

std::vector<std::string> names_of(const Survey& survey, const std::vector<int>& hosts) {
  std::vector<std::string> names;
  for (const int host : hosts) names.push_back(name_of(survey, host));
  return names;
}

std::string words_for(const Reach& reach) {
  switch (reach.outcome) {
    case Outcome::ok:
      return "it works";
    case Outcome::refused:
      return "refused, nobody listens or a firewall rejects";
    case Outcome::timeout:
      return "no answer, a firewall drops or nobody is there";
    case Outcome::unreachable:
      return concat("unreachable (", reach.detail, ")");
    case Outcome::stranger:
      return reach.detail;
  }
  return reach.detail;
}

std::vector<Finding> findings_of(const Survey& survey) { return Examination(survey).run(); }

}  // namespace mlx::launch::config
