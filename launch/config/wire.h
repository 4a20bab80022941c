#pragma once

// What goes between the probe on a host and us: one JSON document per line, each
// beginning with kMark, so that whatever a login shell prints is told from it.
// The probe speaks first: its facts. Then it answers requests, one at a time, and
// ends with its standard input.
//
//   {"do": "clock"}                                   {"now": nanoseconds since 1970}
//   {"do": "open", "secret", "host", "ports": [0]}    {"ports": [{"port", "error"}]}
//   {"do": "reach", "targets": [...], "limit_ms"}     {"reaches": [...]}
//   {"do": "ways", "addresses": [...]}                {"ways": [...]}
//   {"do": "measure", "target": {...}, "for_ms"}      {"measurement": {...}}
//   {"do": "run", "command": text}                    {"code", "output"}
//
// A request that cannot be understood is answered by {"error": text}.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "mlx/launch/config/inspect.h"
#include "mlx/launch/config/traffic.h"

namespace mlx::launch::config {

constexpr const char* kMark = "{\"mlx-probe\":1,";
constexpr size_t kLongestLine = size_t{16} << 20;

/// The document as a line; it must be an object that is not empty.
std::string to_line(const nlohmann::json& document);
/// Whether the line holds a document; throws nlohmann::json::exception for a broken one.
bool from_line(const std::string& line, nlohmann::json& document);

/// A port that was asked for: `port` is what it listens on, 0 with the reason if it does not.
struct OpenPort {
  uint16_t wanted = 0;
  uint16_t port = 0;
  std::string error;
};

void to_json(nlohmann::json& json, const OpenPort& port);
void from_json(const nlohmann::json& json, OpenPort& port);
void to_json(nlohmann::json& json, const NextHop& way);
void from_json(const nlohmann::json& json, NextHop& way);
void to_json(nlohmann::json& json, const Target& target);
void from_json(const nlohmann::json& json, Target& target);
void to_json(nlohmann::json& json, const Reach& reach);
void from_json(const nlohmann::json& json, Reach& reach);
void to_json(nlohmann::json& json, const Measurement& measurement);
void from_json(const nlohmann::json& json, Measurement& measurement);

}  // namespace mlx::launch::config
