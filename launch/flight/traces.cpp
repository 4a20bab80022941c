#include "mlx/launch/flight/traces.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/launch/flight/record.h"

namespace mlx::launch::flight {
namespace {

using core::concat;
using nlohmann::json;

struct Trace {
  std::string file;
  std::vector<json> events;
  std::string boot_id;
  double to_wall = 0;  // microseconds
  int64_t process = 0;
};

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw std::runtime_error(concat(file, " is not a trace of MLX: ", why, "."));
}

// "{...}" of a line "{...}," or ",{...}"; empty for the brackets around all.
std::string event_of(const std::string& line) {
  const size_t begin = line.find_first_not_of(" \t\r,[");
  const size_t end = line.find_last_not_of(" \t\r,]");
  return begin == std::string::npos || end == std::string::npos || end < begin
             ? ""
             : line.substr(begin, end + 1 - begin);
}

// One event a line, which is how they are written. A killed process leaves the
// list open, and perhaps its last line in pieces.
std::vector<json> events_of(const std::string& file) {
  std::istringstream lines(read_file(file));
  std::vector<json> events;
  size_t number = 0, broken = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string text = event_of(line);
    if (text.empty()) continue;
    if (broken != 0) refuse(file, concat("line ", broken, " is no event"));
    json event = json::parse(text, nullptr, false);
    if (event.is_object()) {
      events.push_back(std::move(event));
    } else {
      broken = number;
    }
  }
  if (events.empty()) refuse(file, "it holds no event");
  return events;
}

Trace read_trace(const std::string& file) {
  Trace trace{file, events_of(file), "", 0, 0};
  try {
    const json& clock = trace.events[0];
    if (clock.at("name") != "clock") refuse(file, "it does not begin with its clock");
    const json& args = clock.at("args");
    trace.boot_id = args.at("boot_id").get<std::string>();
    trace.to_wall = args.at("wall_us").get<double>() - args.at("monotonic_us").get<double>();
    trace.process = clock.at("pid").get<int64_t>();
    for (const json& event : trace.events) {
      if (event.at("ph").get<std::string>() != "M") event.at("ts").get<double>();
    }
  } catch (const json::exception& error) {
    refuse(file, error.what());
  }
  return trace;
}

void check_processes(const std::vector<Trace>& traces) {
  std::map<int64_t, const std::string*> seen;
  for (const Trace& t : traces) {
    const auto [at, is_new] = seen.try_emplace(t.process, &t.file);
    if (!is_new) {
      throw std::runtime_error(
          concat(*at->second, " and ", t.file, " are both of process ", t.process, "."));
    }
  }
}

bool has_time(const json& event) { return event.contains("ts"); }

}  // namespace

std::string merge_traces(const std::vector<std::string>& files) {
  std::vector<Trace> traces;
  for (const std::string& file : files) traces.push_back(read_trace(file));
  check_processes(traces);
  // To the clock of the first file; of the files of one boot the first counts.
  std::map<std::string, double> offsets;
  std::vector<json> events;
  for (Trace& t : traces) {
    const double offset =
        offsets.try_emplace(t.boot_id, t.to_wall - traces[0].to_wall).first->second;
    for (json& event : t.events) {
      if (has_time(event)) event["ts"] = event["ts"].get<double>() + offset;
      events.push_back(std::move(event));
    }
  }
  // What has no time, names and clocks, comes first.
  const auto time_of = [](const json& e) { return has_time(e) ? e["ts"].get<double>() : -1e300; };
  std::stable_sort(events.begin(), events.end(),
                   [&](const json& a, const json& b) { return time_of(a) < time_of(b); });
  const auto first = std::find_if(events.begin(), events.end(), has_time);
  const double start = first == events.end() ? 0 : time_of(*first);
  std::string out = "[\n";
  for (json& event : events) {
    if (has_time(event)) event["ts"] = event["ts"].get<double>() - start;
    if (out.size() > 2) out += ",\n";
    out += event.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  return out + "\n]\n";
}

}  // namespace mlx::launch::flight
