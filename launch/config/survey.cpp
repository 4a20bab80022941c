#include "mlx/launch/config/survey.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "mlx/core/base/error.h"
#include "mlx/distributed/bootstrap/time_limit.h"
#include "mlx/launch/config/session.h"

namespace mlx::launch::config {
namespace {

using core::concat;
using core::distributed::Clock;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kFactsLimit{30'000};  // once ssh is through
constexpr milliseconds kAnswerLimit{15'000};
constexpr milliseconds kReachLimit{2'000};
constexpr int kClockRounds = 8;
constexpr int kMostPorts = 64;

class Surveyor {
 public:
  Surveyor(const std::vector<Host>& hosts, const SurveySetting& setting)
      : setting_(setting), secret_(Secret::random()), sessions_(hosts.size()) {
    survey_.hosts.resize(hosts.size());
    for (size_t i = 0; i < hosts.size(); ++i) survey_.hosts[i].host = hosts[i];
  }
  ~Surveyor() {
    for (auto& session : sessions_) {
      if (session) session->end_input();
    }
  }

  Survey run() {
    setting_.progress("Connecting");
    each_host([&](int i) { connect(i); });
    setting_.progress("Trying who reaches whom");
    try_paths(true);
    try_paths(false);
    look_up_ways();
    if (setting_.flow.count() > 0) measure_paths();
    if (setting_.starting_port) try_ports();
    return std::move(survey_);
  }

 private:
  HostReport& report(int i) { return survey_.hosts[static_cast<size_t>(i)]; }
  Session& session(int i) { return *sessions_[static_cast<size_t>(i)]; }
  int count() const { return static_cast<int>(survey_.hosts.size()); }

  // Calls f for each host that is still there, all at once. Who fails is lost.
  template <typename F>
  void each_host(const F& f) {
    std::vector<std::thread> threads;
    for (const int i : survey_.usable_hosts()) {
      threads.emplace_back([&, i] { guarded(i, [&] { f(i); }); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  template <typename F>
  void guarded(int host, const F& f) {
    try {
      f();
    } catch (const HostLost& lost) {
      report(host).error = lost.what();
    } catch (const json::exception& error) {
      report(host).error = concat("its probe says something else, another version? ", error.what());
    }
  }

  void connect(int i);
  void ask_clock(int i);
  void try_paths(bool near);
  void look_up_ways();
  void measure_paths();
  void measure_pair(int a, int b);
  void try_ports();
  std::vector<Reach> reach_all(int from, const std::vector<Target>& targets);
  bool joined(int a, int b) const;
  std::vector<uint16_t> wanted_ports() const;

  const SurveySetting& setting_;
  const Secret secret_;
  std::vector<std::unique_ptr<Session>> sessions_;
  Survey survey_;
};

// A job wants a port for the rendezvous and one for each rank.
std::vector<uint16_t> Surveyor::wanted_ports() const {
  if (!setting_.starting_port) return {0};
  int ranks = 0;
  for (const HostReport& h : survey_.hosts) ranks += h.host.slots;
  std::vector<uint16_t> ports;
  for (int i = 0; i < std::min(ranks + 1, kMostPorts); ++i) {
    const int port = *setting_.starting_port + i;
    if (port <= UINT16_MAX) ports.push_back(static_cast<uint16_t>(port));
  }
  ports.push_back(0);  // one that is free in any case, for measuring
  return ports;
}

void Surveyor::connect(int i) {
  auto& session = sessions_[static_cast<size_t>(i)];
  session = std::make_unique<Session>(report(i).host, setting_.shell);
  const auto limit = std::chrono::seconds(setting_.shell.connect_seconds) + kFactsLimit;
  report(i).facts = session->receive(Clock::now() + limit).at("facts").get<HostFacts>();
  ask_clock(i);
  const json answer = session->ask(
      {{"do", "open"}, {"secret", secret_.text()}, {"host", i}, {"ports", wanted_ports()}},
      kAnswerLimit);
  report(i).ports = answer.at("ports").get<std::vector<OpenPort>>();
  if (report(i).ports.empty() || report(i).ports.back().port == 0) {
    throw HostLost("it cannot listen on any port");
  }
}

// As NTP: the answer is from the middle of the time that it took, and the
// quickest of several is the least wrong.
void Surveyor::ask_clock(int i) {
  double best = -1;
  for (int round = 0; round < kClockRounds; ++round) {
    using std::chrono::duration;
    const auto ours = std::chrono::system_clock::now().time_since_epoch();
    const auto start = Clock::now();
    const json answer = session(i).ask({{"do", "clock"}}, kAnswerLimit);
    const double took = duration<double>(Clock::now() - start).count();
    if (best >= 0 && took >= best) continue;
    best = took;
    const std::chrono::nanoseconds theirs(answer.at("now").get<int64_t>());
    report(i).clock_offset = duration<double>(theirs - ours).count() - took / 2;
    report(i).clock_error = took / 2;
  }
}

std::vector<Reach> Surveyor::reach_all(int from, const std::vector<Target>& targets) {
  if (targets.empty()) return {};
  const milliseconds limit = kAnswerLimit + kReachLimit * static_cast<int>(targets.size() / 16 + 1);
  const json answer = session(from).ask(
      {{"do", "reach"}, {"targets", targets}, {"limit_ms", kReachLimit.count()}}, limit);
  auto reaches = answer.at("reaches").get<std::vector<Reach>>();
  if (reaches.size() != targets.size()) throw HostLost("its probe answers something else");
  return reaches;
}

bool Surveyor::joined(int a, int b) const {
  return std::any_of(survey_.paths.begin(), survey_.paths.end(),
                     [&](const Path& p) { return p.from == a && p.to == b && p.works(); });
}

// Both directions of each pair of addresses: a firewall may stop one.
void Surveyor::try_paths(bool near) {
  const size_t first = survey_.paths.size();
  const std::vector<int> hosts = survey_.usable_hosts();
  for (const int a : hosts) {
    for (const int b : hosts) {
      if (a >= b || joined(a, b)) continue;
      for (const auto& [from, to] : address_pairs(report(a), report(b), near)) {
        Path& path = survey_.paths.emplace_back();
        path.from = a, path.to = b, path.from_address = from, path.to_address = to;
        path.reach = path.back = {Outcome::timeout, "not tried"};
      }
    }
  }
  each_host([&](int host) {
    std::vector<Target> targets;
    std::vector<Reach*> results;
    for (size_t i = first; i < survey_.paths.size(); ++i) {
      Path& p = survey_.paths[i];
      if (p.from == host) {
        targets.push_back({p.to, p.to_address, report(p.to).ports.back().port, p.from_address});
        results.push_back(&p.reach);
      } else if (p.to == host) {
        targets.push_back({p.from, p.from_address, report(p.from).ports.back().port, p.to_address});
        results.push_back(&p.back);
      }
    }
    const auto reaches = reach_all(host, targets);
    for (size_t i = 0; i < reaches.size(); ++i) *results[i] = reaches[i];
  });
}

void Surveyor::look_up_ways() {
  each_host([&](int host) {
    std::vector<std::string> addresses;
    std::vector<Path*> paths;
    for (Path& p : survey_.paths) {
      if (p.from != host || !p.works()) continue;
      addresses.push_back(p.to_address);
      paths.push_back(&p);
    }
    const json answer = session(host).ask({{"do", "ways"}, {"addresses", addresses}}, kAnswerLimit);
    const auto ways = answer.at("ways").get<std::vector<NextHop>>();
    for (size_t i = 0; i < std::min(ways.size(), paths.size()); ++i) {
      paths[i]->gateway = ways[i].gateway;
      paths[i]->chosen = ways[i].source == paths[i]->from_address;
    }
  });
}

void Surveyor::measure_pair(int a, int b) {
  for (Path& p : survey_.paths) {
    if (p.from != a || p.to != b || !p.works() || !survey_.usable(a) || !survey_.usable(b)) {
      continue;
    }
    const Target target{b, p.to_address, report(b).ports.back().port, p.from_address};
    guarded(a, [&] {
      const json answer =
          session(a).ask({{"do", "measure"}, {"target", target}, {"for_ms", setting_.flow.count()}},
                         kAnswerLimit * 2 + setting_.flow * 3);
      p.measurement = answer.at("measurement").get<Measurement>();
      if (p.measurement.reach.outcome != Outcome::ok) p.reach = p.measurement.reach;
    });
  }
}

// No host measures two things at once.
void Surveyor::measure_paths() {
  const auto rounds = rounds_of_pairs(count());
  for (size_t r = 0; r < rounds.size(); ++r) {
    setting_.progress(concat("Measuring, round ", r + 1, " of ", rounds.size()));
    std::vector<std::thread> threads;
    for (const auto& [a, b] : rounds[r]) {
      if (joined(a, b)) threads.emplace_back([this, a = a, b = b] { measure_pair(a, b); });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

void Surveyor::try_ports() {
  setting_.progress("Trying the ports");
  for (const int from : survey_.usable_hosts()) {
    for (const Path& p : survey_.paths) {
      if (!p.works() || (p.from != from && p.to != from)) continue;
      const int to = p.from == from ? p.to : p.from;
      const std::string& address = p.from == from ? p.to_address : p.from_address;
      const auto& ports = report(to).ports;
      for (size_t i = 0; i + 1 < ports.size(); ++i) {
        if (ports[i].port == 0) continue;  // busy there, which is said elsewhere
        survey_.port_tests.push_back({from, to, address, ports[i].port, {}});
      }
    }
  }
  each_host([&](int host) {
    std::vector<Target> targets;
    std::vector<PortTest*> tests;
    for (PortTest& t : survey_.port_tests) {
      if (t.from != host) continue;
      targets.push_back({t.to, t.address, t.port, ""});
      tests.push_back(&t);
    }
    const auto reaches = reach_all(host, targets);
    for (size_t i = 0; i < reaches.size(); ++i) tests[i]->reach = reaches[i];
  });
}

}  // namespace

double Path::rate() const { return std::min(measurement.forth, measurement.back); }

std::vector<int> Survey::usable_hosts() const {
  std::vector<int> out;
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (hosts[i].error.empty()) out.push_back(static_cast<int>(i));
  }
  return out;
}

Survey run_survey(const std::vector<Host>& hosts, const SurveySetting& setting) {
  return Surveyor(hosts, setting).run();
}

std::vector<std::vector<std::pair<int, int>>> rounds_of_pairs(int n) {
  const int even = n + n % 2;  // who meets the one that does not exist rests
  std::vector<std::vector<std::pair<int, int>>> rounds;
  for (int round = 0; round + 1 < even; ++round) {
    auto& pairs = rounds.emplace_back();
    // The last stays, the others go round a table.
    const auto seat = [&](int i) { return i == even - 1 ? i : (i + round) % (even - 1); };
    for (int i = 0; i < even / 2; ++i) {
      const auto [a, b] = std::minmax({seat(i), seat(even - 1 - i)});
      if (b < n) pairs.emplace_back(a, b);
    }
  }
  return rounds;
}

std::vector<std::pair<std::string, std::string>> address_pairs(const HostReport& a,
                                                               const HostReport& b, bool near) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto listed = [](const Host& host, const std::string& ip) {
    return std::find(host.ips.begin(), host.ips.end(), ip) != host.ips.end();
  };
  for (const Interface& i : a.facts.interfaces) {
    for (const Interface& j : b.facts.interfaces) {
      for (const Address& x : i.addresses) {
        for (const Address& y : j.addresses) {
          if (x.is_ipv6() != y.is_ipv6()) continue;
          const bool is_near = same_subnet(x.ip, y.ip, std::max(x.prefix, y.prefix)) ||
                               (listed(a.host, x.ip) && listed(b.host, y.ip));
          if (is_near == near) out.emplace_back(x.ip, y.ip);
        }
      }
    }
  }
  return out;
}

}  // namespace mlx::launch::config
