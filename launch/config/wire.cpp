#include "mlx/launch/config/wire.h"

#include <cstring>
#include <nlohmann/json.hpp>

namespace mlx::launch::config {

using nlohmann::json;

std::string to_line(const json& document) {
  // Text of other programs may hold anything: it must not be what ends the probe.
  const std::string text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  return kMark + text.substr(1) + "\n";
}

bool from_line(const std::string& line, json& document) {
  if (line.rfind(kMark, 0) != 0) return false;
  document = json::parse("{" + line.substr(std::strlen(kMark)));
  return true;
}

void to_json(json& out, const OpenPort& port) {
  out = {{"wanted", port.wanted}, {"port", port.port}, {"error", port.error}};
}

void from_json(const json& in, OpenPort& port) {
  port = {in.at("wanted").get<uint16_t>(), in.at("port").get<uint16_t>(), in.value("error", "")};
}

void to_json(json& out, const NextHop& way) {
  out = {{"interface", way.interface},
         {"gateway", way.gateway},
         {"source", way.source},
         {"error", way.error}};
}

void from_json(const json& in, NextHop& way) {
  way = {in.value("interface", ""), in.value("gateway", ""), in.value("source", ""),
         in.value("error", "")};
}

void to_json(json& out, const Target& target) {
  out = {{"host", target.host},
         {"address", target.address},
         {"port", target.port},
         {"from", target.from}};
}

void from_json(const json& in, Target& target) {
  target = {in.at("host").get<int>(), in.at("address").get<std::string>(),
            in.at("port").get<uint16_t>(), in.value("from", "")};
}

void to_json(json& out, const Reach& reach) {
  out = {{"outcome", outcome_name(reach.outcome)}, {"detail", reach.detail}};
}

void from_json(const json& in, Reach& reach) {
  const auto name = in.at("outcome").get<std::string>();
  reach = {Outcome::unreachable, in.value("detail", "")};
  for (const Outcome o : {Outcome::ok, Outcome::refused, Outcome::timeout, Outcome::stranger}) {
    if (name == outcome_name(o)) reach.outcome = o;
  }
}

void to_json(json& out, const Measurement& m) {
  out = {{"round_trip_s", m.round_trip},
         {"forth_bps", m.forth},
         {"back_bps", m.back},
         {"reach", m.reach}};
}

void from_json(const json& in, Measurement& m) {
  m = {in.at("round_trip_s").get<double>(), in.at("forth_bps").get<double>(),
       in.at("back_bps").get<double>(), in.at("reach").get<Reach>()};
}

}  // namespace mlx::launch::config
