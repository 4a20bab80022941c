#include "mlx/distributed/telemetry/flight_recorder.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {
namespace {

// Microseconds since 1970: clocks of several ranks can be laid side by side.
int64_t wall_us(Clock::time_point time) {
  const auto ago = Clock::now() - time;
  const auto wall = std::chrono::system_clock::now() - ago;
  return std::chrono::duration_cast<std::chrono::microseconds>(wall.time_since_epoch()).count();
}

}  // namespace

void FlightRecorder::began(const Header& header, Operation operation, int peer) {
  const std::lock_guard lock(mutex_);
  ++count_;
  last() = {header, operation, State::running, peer, Clock::now(), {}};
}

void FlightRecorder::ended() {
  const std::lock_guard lock(mutex_);
  last().state = State::done;
  last().ended = Clock::now();
}

void FlightRecorder::failed(const std::string& why) {
  const std::lock_guard lock(mutex_);
  last().state = State::failed;
  last().ended = Clock::now();
  error_ = why;
}

std::string FlightRecorder::json() const {
  static constexpr const char* kStates[] = {"running", "done", "failed"};
  const std::lock_guard lock(mutex_);
  nlohmann::json entries = nlohmann::json::array();
  for (uint64_t i = count_ - std::min<uint64_t>(count_, kEntries); i < count_; ++i) {
    const Entry& e = entries_[i % kEntries];
    nlohmann::json entry{{"number", e.header.sequence},
                         {"operation", operation_name(e.operation, e.header.reduction)},
                         {"dtype", dtype_name(dtype_of(static_cast<Dtype::Val>(e.header.dtype)))},
                         {"bytes", e.header.bytes},
                         {"state", kStates[static_cast<size_t>(e.state)]},
                         {"began_us", wall_us(e.began)}};
    if (e.peer >= 0) entry["peer"] = e.peer;
    if (e.state != State::running) entry["ended_us"] = wall_us(e.ended);
    entries.push_back(std::move(entry));
  }
  nlohmann::json all{{"rank", rank_}, {"size", size_}, {"group", group_}, {"entries", entries}};
  if (!error_.empty()) all["error"] = error_;
  return all.dump(1);
}

bool FlightRecorder::dump(const std::string& folder) const {
  const std::string path = concat(folder, "/flight-", group_, "-", rank_, ".json");
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary);
  file << json() << '\n';
  file.close();
  return file && std::rename(temporary.c_str(), path.c_str()) == 0;
}

}  // namespace mlx::core::distributed
