#include <nlohmann/json.hpp>

#include "mlx/launch/config/report.h"

namespace mlx::launch::config {
namespace {

using nlohmann::json;

json host_report_json(const HostReport& h) {
  json out{{"name", h.host.name}, {"usable", h.error.empty()}};
  if (!h.host.user.empty()) out["user"] = h.host.user;
  if (h.host.port != 0) out["port"] = h.host.port;
  if (!h.error.empty()) {
    out["error"] = h.error;
    return out;
  }
  out["facts"] = h.facts;
  out["clock"] = {{"offset_s", h.clock_offset}, {"error_s", h.clock_error}};
  json ports = json::array();
  for (const OpenPort& p : h.ports) {
    if (p.wanted != 0) ports.push_back({{"port", p.wanted}, {"free", p.port != 0}});
  }
  out["ports"] = std::move(ports);
  return out;
}

json path_json(const Survey& survey, const Path& p) {
  json out{{"from", name_of(survey, p.from)},
           {"to", name_of(survey, p.to)},
           {"from_address", p.from_address},
           {"to_address", p.to_address},
           {"reach", p.reach},
           {"back", p.back},
           {"works", p.works()},
           {"gateway", p.gateway}};
  if (p.rate() > 0) {
    out["round_trip_s"] = p.measurement.round_trip;
    out["forth_bps"] = p.measurement.forth;
    out["back_bps"] = p.measurement.back;
  }
  return out;
}

json choice_json(const Survey& survey, const Choice& choice) {
  json links = json::array();
  for (const RdmaLink& l : choice.rdma) {
    links.push_back({{"from", name_of(survey, l.from)},
                     {"to", name_of(survey, l.to)},
                     {"from_device", l.from_device},
                     {"to_device", l.to_device},
                     {"bps", l.rate}});
  }
  return {{"backend", choice.backend},
          {"over", over_name(choice.over)},
          {"shape", choice.mesh ? "mesh" : "ring"},
          {"order", names_of(survey, choice.order)},
          {"reasons", choice.reasons},
          {"troubles", choice.troubles},
          {"rdma_links", std::move(links)}};
}

}  // namespace

std::string to_json(const Result& result) {
  const Survey& survey = result.survey;
  json hosts = json::array(), paths = json::array(), ports = json::array();
  json findings = json::array(), setup = json::array();
  for (const HostReport& h : survey.hosts) hosts.push_back(host_report_json(h));
  for (const Path& p : survey.paths) paths.push_back(path_json(survey, p));
  for (const PortTest& t : survey.port_tests) {
    ports.push_back({{"from", name_of(survey, t.from)},
                     {"to", name_of(survey, t.to)},
                     {"address", t.address},
                     {"port", t.port},
                     {"reach", t.reach}});
  }
  for (const Finding& f : result.findings) {
    findings.push_back({{"problem", f.problem},
                        {"kind", f.kind},
                        {"text", f.text},
                        {"hosts", names_of(survey, f.hosts)}});
  }
  for (const SetupStep& s : result.setup) {
    setup.push_back(
        {{"host", name_of(survey, s.host)}, {"command", s.command}, {"reason", s.reason}});
  }
  json all{{"hosts", std::move(hosts)},
           {"paths", std::move(paths)},
           {"port_tests", std::move(ports)},
           {"findings", std::move(findings)},
           {"setup", std::move(setup)}};
  if (!result.checked) {
    all["choice"] = choice_json(survey, result.choice);
    if (!result.choice.hostfile.hosts.empty()) {
      all["hostfile"] = json::parse(launch::to_text(result.choice.hostfile), nullptr, true, true);
    }
  }
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace mlx::launch::config
