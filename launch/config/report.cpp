#include "mlx/launch/config/report.h"

#include <algorithm>
#include <cmath>

#include "mlx/core/base/error.h"
#include "mlx/launch/config/words.h"
#include "mlx/launch/text_table.h"
#include "mlx/launch/words.h"

namespace mlx::launch::config {
namespace {

using core::concat;
using Rows = std::vector<std::vector<std::string>>;

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string gpus_text(const HostFacts& facts) {
  if (facts.gpus.empty()) return "-";
  const bool idle = std::any_of(facts.gpus.begin(), facts.gpus.end(),
                                [](const Gpu& g) { return g.driver.empty(); });
  return concat(facts.gpus.size(), " x ", facts.gpus[0].name, idle ? " (no driver)" : "");
}

std::string rdma_text(const HostFacts& facts) {
  if (!facts.rdma.library) return "no libibverbs";
  std::vector<std::string> devices;
  for (const RdmaDevice& d : facts.rdma.devices) {
    const bool active = std::any_of(d.ports.begin(), d.ports.end(),
                                    [](const RdmaPort& p) { return p.state == "active"; });
    devices.push_back(d.name + (active ? "" : " (down)"));
  }
  return devices.empty() ? "-" : list_text(devices);
}

std::string clock_text(const HostReport& h) {
  const char* sign = h.clock_offset < 0 ? "-" : "+";
  return concat(sign, time_text(std::abs(h.clock_offset)), " +-", time_text(h.clock_error));
}

std::string hosts_text(const Survey& survey) {
  Rows rows{{"host", "processor", "cores", "memory", "GPUs", "RDMA", "clock"}};
  for (const int i : survey.usable_hosts()) {
    const HostReport& h = survey.hosts[static_cast<size_t>(i)];
    const HostFacts& f = h.facts;
    rows.push_back({h.host.name, or_dash(f.processor.model), concat(f.processor.cores),
                    bytes_text(f.memory), gpus_text(f), rdma_text(f), clock_text(h)});
  }
  return rows.size() == 1 ? "" : "\nHosts\n" + table_text(rows);
}

std::string speed_text(const Interface& i) {
  return i.megabits > 0 ? rate_text(static_cast<double>(i.megabits) * 1e6) : "-";
}

std::string interfaces_text(const Survey& survey) {
  Rows rows{{"host", "interface", "kind", "driver", "state", "MTU", "speed", "addresses"}};
  for (const int host : survey.usable_hosts()) {
    for (const Interface& i : survey.facts(host).interfaces) {
      std::vector<std::string> ips;
      for (const Address& a : i.addresses) ips.push_back(concat(a.ip, "/", a.prefix));
      rows.push_back({name_of(survey, host), i.name, i.kind, or_dash(i.driver),
                      !i.up      ? "off"
                      : i.linked ? "up"
                                 : "no link",
                      concat(i.mtu), speed_text(i), or_dash(list_text(ips))});
    }
  }
  return "\nInterfaces\n" + table_text(rows);
}

std::string ports_text(const Survey& survey) {
  Rows rows{{"host", "device", "port", "state", "link layer", "speed", "MTU", "usable GIDs"}};
  for (const int host : survey.usable_hosts()) {
    for (const RdmaDevice& d : survey.facts(host).rdma.devices) {
      for (const RdmaPort& p : d.ports) {
        std::vector<std::string> gids;
        for (const Gid& g : p.gids) {
          if (g.usable) gids.push_back(concat(g.index, ": ", g.value));
        }
        rows.push_back({name_of(survey, host), d.name, concat(p.number), p.state, p.link_layer,
                        p.gigabits > 0 ? rate_text(p.gigabits * 1e9) : "-", concat(p.mtu),
                        or_dash(list_text(gids))});
      }
    }
  }
  return rows.size() == 1 ? "" : "\nRDMA ports\n" + table_text(rows);
}

std::string details_text(const Survey& survey) {
  std::string out;
  for (const int host : survey.usable_hosts()) {
    const HostFacts& f = survey.facts(host);
    out += concat("\n", name_of(survey, host), ": ", f.hostname, ", ", f.system, ", Linux ",
                  f.kernel, ", ", f.machine, "\n");
    out += concat("  ", counted(f.processor.sockets, "socket"), ", ",
                  counted(f.processor.cores, "core"), ", ", counted(f.processor.threads, "thread"),
                  ", ", f.processor.usable,
                  " of them for us: ", or_dash(list_text(f.processor.features)), "\n");
    for (const NumaNode& n : f.processor.nodes) {
      out += concat("  memory node ", n.number, ": ", bytes_text(n.memory), ", processors ", n.cpus,
                    "\n");
    }
    for (const Gpu& g : f.gpus) {
      out += concat("  GPU ", g.bus, ": ", g.name, ", driver ", or_dash(g.driver), "\n");
    }
    for (const Route& r : f.routes) {
      out += concat("  route to ", r.destination, r.gateway.empty() ? "" : " by " + r.gateway,
                    " on ", r.interface, "\n");
    }
    for (const auto& [program, version] : f.programs) {
      out += concat("  ", program, " ", version, "\n");
    }
    out += concat("  firewall tool: ", or_dash(f.firewall), "; /dev/shm: ", bytes_text(f.shared),
                  " free; lockable memory: ", f.lockable < 0 ? "no limit" : bytes_text(f.lockable),
                  "\n");
  }
  return out;
}

std::string links_text(const Survey& survey) {
  Rows rows{{"from", "to", "addresses", "by", "round trip", "there", "back"}};
  for (const Path& p : survey.paths) {
    if (!p.works()) continue;
    const bool measured = p.rate() > 0;
    rows.push_back({name_of(survey, p.from), name_of(survey, p.to),
                    concat(p.from_address, " - ", p.to_address), or_dash(p.gateway),
                    measured ? time_text(p.measurement.round_trip) : "-",
                    measured ? rate_text(p.measurement.forth) : "-",
                    measured ? rate_text(p.measurement.back) : "-"});
  }
  return rows.size() == 1 ? "" : "\nLinks\n" + table_text(rows);
}

std::string rdma_links_text(const Result& result) {
  Rows rows{{"from", "to", "devices", "speed of the ports"}};
  for (const RdmaLink& l : result.choice.rdma) {
    rows.push_back({name_of(result.survey, l.from), name_of(result.survey, l.to),
                    concat(l.from_device, " - ", l.to_device),
                    l.rate > 0 ? rate_text(l.rate) : "-"});
  }
  return rows.size() == 1 ? "" : "\nRDMA links\n" + table_text(rows);
}

std::string findings_text(const Result& result) {
  if (result.findings.empty()) return "\nNothing is wrong.\n";
  std::string out = "\nFindings\n";
  for (const Finding& f : result.findings) {
    out += concat("  ", f.problem ? "problem: " : "remark: ", f.text, "\n");
  }
  return out;
}

std::string choice_text(const Choice& choice) {
  std::string out = "\nChoice\n";
  for (const std::string& trouble : choice.troubles) out += concat("  problem: ", trouble, "\n");
  if (choice.hostfile.hosts.empty()) return out + "  There is no hostfile.\n";
  out += concat("  backend ", choice.backend,
                choice.over == Over::automatic || choice.over == Over::rdma
                    ? ""
                    : concat(" over ", over_name(choice.over)),
                choice.hostfile.hosts.size() < 2 ? ""
                : choice.mesh                    ? ", full mesh"
                                                 : ", ring",
                "\n");
  for (const std::string& reason : choice.reasons) out += concat("  ", reason, "\n");
  return out;
}

// A text within quotes, for Graphviz.
std::string dot_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text)
    out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + '"';
}

bool are_neighbours(const std::vector<int>& order, int a, int b) {
  for (size_t i = 0; i < order.size(); ++i) {
    const int x = order[i], y = order[(i + 1) % order.size()];
    if (std::minmax(x, y) == std::minmax(a, b)) return true;
  }
  return false;
}

std::string dot_edge(const Result& result, int a, int b, const std::string& label, bool used) {
  return concat("  ", dot_text(name_of(result.survey, a)), " -- ",
                dot_text(name_of(result.survey, b)), " [label=", dot_text(label),
                used && are_neighbours(result.choice.order, a, b) ? ", style=bold" : "", "];\n");
}

}  // namespace

std::string setup_text(const Result& result) {
  if (result.setup.empty()) return "";
  std::string out = "\nSetup (as root)\n";
  for (const SetupStep& s : result.setup) {
    out += concat("  ", name_of(result.survey, s.host), ": ", s.command, "    # ", s.reason, "\n");
  }
  return out;
}

std::string to_text(const Result& result, bool verbose) {
  const Survey& survey = result.survey;
  const size_t usable = survey.usable_hosts().size(), all = survey.hosts.size();
  std::string out = concat(counted(all, "host"), usable == all ? ", all" : concat(", ", usable),
                           " of them can be used.\n", hosts_text(survey));
  if (verbose) out += details_text(survey) + interfaces_text(survey) + ports_text(survey);
  out += links_text(survey) + rdma_links_text(result) + findings_text(result);
  if (!result.checked) out += choice_text(result.choice);
  return out + setup_text(result);
}

std::string to_dot(const Result& result) {
  const Survey& survey = result.survey;
  std::string out = "graph mlx {\n  layout=circo;\n  node [shape=box];\n";
  for (size_t i = 0; i < survey.hosts.size(); ++i) {
    const HostReport& h = survey.hosts[i];
    const bool usable = h.error.empty();
    out += concat("  ", dot_text(h.host.name), " [label=",
                  dot_text(usable ? concat(h.host.name, ": ", h.facts.processor.cores, " cores, ",
                                           bytes_text(h.facts.memory))
                                  : concat(h.host.name, ": cannot be used")),
                  usable ? "" : ", style=dashed, color=red", "];\n");
  }
  const bool over_rdma = result.choice.over == Over::rdma;
  for (const Path& p : survey.paths) {
    if (!p.works()) continue;
    const std::string speed =
        p.rate() > 0 ? concat(rate_text(p.rate()), ", ", time_text(p.measurement.round_trip)) : "";
    out += dot_edge(result, p.from, p.to, speed, !over_rdma);
  }
  for (const RdmaLink& l : result.choice.rdma) {
    const std::string label =
        concat(l.from_device, " - ", l.to_device, l.rate > 0 ? ", " + rate_text(l.rate) : "");
    out += dot_edge(result, l.from, l.to, label, over_rdma);
  }
  return out + "}\n";
}

}  // namespace mlx::launch::config
