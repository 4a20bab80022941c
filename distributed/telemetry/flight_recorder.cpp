#include "mlx/distributed/telemetry/flight_recorder.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mlx/core/base/error.h"
#include "mlx/core/eval/timeline.h"
#include "mlx/distributed/bootstrap/log.h"
#include "mlx/distributed/telemetry/flight_dump.h"

namespace mlx::core::distributed {
namespace {

int64_t nanoseconds(auto duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

int64_t since_start(Clock::time_point time) { return nanoseconds(time.time_since_epoch()); }

// The same moment on the clock of the entries and on that of the world.
nlohmann::json clocks() {
  return {{"monotonic_ns", since_start(Clock::now())},
          {"wall_ns", nanoseconds(std::chrono::system_clock::now().time_since_epoch())}};
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

// Where it says the same, two processes share a monotonic clock.
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

std::string reduction_name(Reduction reduction) {
  static constexpr const char* kNames[] = {"none", "sum", "prod", "min", "max"};
  return kNames[static_cast<size_t>(reduction)];
}

}  // namespace

const char* FlightRecorder::state_name(State state) {
  static constexpr const char* kNames[] = {"running", "done", "failed"};
  return kNames[static_cast<size_t>(state)];
}

FlightRecorder::FlightRecorder(Subject subject) : subject_(std::move(subject)) {
  list_recorder(this);
}

FlightRecorder::~FlightRecorder() { unlist_recorder(this); }

void FlightRecorder::began(const Header& header, Operation operation, int peer,
                           Clock::time_point queued, Clock::time_point started) {
  const std::lock_guard lock(mutex_);
  ++count_;
  last() = {header, operation, State::running, peer, queued, started, {}};
}

void FlightRecorder::finish(State state) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  last().state = state;
  last().ended = now;
  if (timeline::on()) trace(last());
}

void FlightRecorder::trace(const Entry& e) const {
  std::string arguments;
  timeline::append_member(arguments, "group", subject_.group);
  timeline::append_member(arguments, "number", static_cast<int64_t>(e.header.sequence));
  timeline::append_member(arguments, "bytes", static_cast<int64_t>(e.header.bytes));
  if (e.peer >= 0) timeline::append_member(arguments, "peer", world_rank(e.peer));
  timeline::append_member(arguments, "waited_us", nanoseconds(e.started - e.queued) / 1000);
  timeline::append_member(arguments, "state", state_name(e.state));
  Header header = e.header;
  header.operation = e.operation;  // a recv is written as send
  timeline::record({describe(header), "collective", since_start(e.started), arguments});
  if (e.state == State::failed) timeline::flush();
}

void FlightRecorder::ended() { finish(State::done); }

void FlightRecorder::failed() { finish(State::failed); }

void FlightRecorder::poisoned(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (error_.empty()) error_ = why;
}

std::string FlightRecorder::json() const {
  nlohmann::json all{{"format", 1},
                     {"group", subject_.group},
                     {"generation", subject_.generation},
                     {"rank", world_rank(subject_.rank)},
                     {"members", subject_.world_ranks},
                     {"pid", getpid()},
                     {"host", host_name()},
                     {"boot_id", boot_id()},
                     {"clock", clocks()}};
  nlohmann::json entries = nlohmann::json::array();
  const std::lock_guard lock(mutex_);
  for (uint64_t i = count_ - std::min<uint64_t>(count_, kEntries); i < count_; ++i) {
    const Entry& e = entries_[i % kEntries];
    const Dtype dtype = dtype_of(static_cast<Dtype::Val>(e.header.dtype));
    nlohmann::json entry{{"number", e.header.sequence},
                         {"operation", operation_name(e.operation, e.header.reduction)},
                         {"reduction", reduction_name(e.header.reduction)},
                         {"dtype", dtype_name(dtype)},
                         {"count", e.header.bytes / dtype.size()},
                         {"bytes", e.header.bytes},
                         {"state", state_name(e.state)},
                         {"queued_ns", since_start(e.queued)},
                         {"started_ns", since_start(e.started)}};
    if (e.peer >= 0) entry["peer"] = world_rank(e.peer);
    if (e.header.tag != 0) entry["tag"] = e.header.tag;
    if (e.state != State::running) entry["ended_ns"] = since_start(e.ended);
    entries.push_back(std::move(entry));
  }
  all["recorded"] = count_;
  all["entries"] = std::move(entries);
  if (!error_.empty()) all["error"] = error_;
  return all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string FlightRecorder::file_name() const {
  std::string name = concat("flight-", subject_.group, "-", world_rank(subject_.rank));
  if (subject_.generation > 0) name += concat("-", subject_.generation);
  return name + ".json";
}

bool FlightRecorder::dump(const std::string& folder) const {
  const std::lock_guard one(dumping_);
  const std::string path = folder + "/" + file_name();
  const std::string temporary = path + ".tmp";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::ofstream file(temporary);
  file << json() << '\n';
  file.close();
  if (file && std::rename(temporary.c_str(), path.c_str()) == 0) return true;
  std::filesystem::remove(temporary, error);
  log_warning("Cannot write the flight record " + path + ".");
  return false;
}

}  // namespace mlx::core::distributed
