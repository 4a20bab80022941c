#include "mlx/launch/flight/record.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "mlx/core/base/error.h"

namespace mlx::launch::flight {
namespace {

namespace fs = std::filesystem;
using core::concat;
using nlohmann::json;

// Far from where sums of two times overflow.
constexpr int64_t kLatest = std::numeric_limits<int64_t>::max() / 4;

// A number of the file, which may hold anything.
template <typename T>
T number(const json& object, const char* key, int64_t low, int64_t high) {
  const json& value = object.at(key);
  const bool is_whole = value.is_number_integer() &&
                        !(value.is_number_unsigned() &&
                          value.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()});
  if (!is_whole || value.get<int64_t>() < low || value.get<int64_t>() > high) {
    throw std::runtime_error(concat("\"", key, "\" makes no sense: got ", value.dump(),
                                    ", expected a whole number from ", low, " to ", high));
  }
  return static_cast<T>(value.get<int64_t>());
}

int64_t time_of(const json& object, const char* key) {
  return number<int64_t>(object, key, 0, kLatest);
}

constexpr int64_t kMaxInt = std::numeric_limits<int>::max();

Entry parse_entry(const json& from) {
  Entry e;
  e.number = number<uint64_t>(from, "number", 0, kLatest);
  e.operation = from.at("operation").get<std::string>();
  e.dtype = from.at("dtype").get<std::string>();
  e.reduction = from.at("reduction").get<std::string>();
  e.count = number<uint64_t>(from, "count", 0, kLatest);
  e.bytes = number<uint64_t>(from, "bytes", 0, kLatest);
  e.state = from.at("state").get<std::string>();
  if (from.contains("peer")) e.peer = number<int>(from, "peer", 0, kMaxInt);
  if (from.contains("tag")) e.tag = number<int>(from, "tag", -kMaxInt, kMaxInt);
  e.queued = time_of(from, "queued_ns");
  e.started = time_of(from, "started_ns");
  if (e.state != "running") e.ended = time_of(from, "ended_ns");
  return e;
}

// A record in its own monotonic time, and what takes that to the world's.
struct Parsed {
  Record record;
  std::string boot_id;
  int64_t offset = 0;
};

Parsed parse(const std::string& file) {
  const json from = json::parse(read_file(file));
  if (number<int>(from, "format", 0, kMaxInt) != 1) {
    throw std::runtime_error("it is of another version of MLX Collective");
  }
  Parsed out;
  Record& r = out.record;
  r.file = file;
  r.group = number<uint32_t>(from, "group", 0, std::numeric_limits<uint32_t>::max());
  r.generation = number<uint64_t>(from, "generation", 0, kLatest);
  r.rank = number<int>(from, "rank", 0, kMaxInt);
  r.members = from.at("members").get<std::vector<int>>();
  if (std::find(r.members.begin(), r.members.end(), r.rank) == r.members.end()) {
    throw std::runtime_error(concat("rank ", r.rank, " is not among its members"));
  }
  r.host = from.at("host").get<std::string>();
  r.recorded = number<uint64_t>(from, "recorded", 0, kLatest);
  if (from.contains("error")) r.error = from["error"].get<std::string>();
  for (const json& entry : from.at("entries")) r.entries.push_back(parse_entry(entry));
  r.written = time_of(from.at("clock"), "monotonic_ns");
  out.offset = time_of(from.at("clock"), "wall_ns") - r.written;
  out.boot_id = from.at("boot_id").get<std::string>();
  return out;
}

// Processes that saw the same boot share a clock, so they get the same offset:
// theirs were measured at different moments.
void use_one_clock(std::vector<Parsed>& all) {
  std::map<std::string, int64_t> offsets;
  for (Parsed& p : all) {
    const int64_t offset = offsets.try_emplace(p.boot_id, p.offset).first->second;
    p.record.written += offset;
    for (Entry& e : p.record.entries) {
      e.queued += offset;
      e.started += offset;
      if (e.ended != 0) e.ended += offset;
    }
  }
}

std::vector<std::string> files_of(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.starts_with("flight-") && name.ends_with(".json")) files.push_back(at->path());
  }
  if (error) throw std::runtime_error(concat("Cannot read ", folder, ": ", error.message(), "."));
  if (files.empty()) {
    throw std::runtime_error(concat("There is no flight record in ", folder,
                                    ": expected files flight-*.json, which a job writes when "
                                    "MLX_FLIGHT_DIR names the folder."));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::string describe(const Entry& e) {
  return concat("#", e.number, " ", e.operation, " ", e.dtype, "[", e.count, "]");
}

std::map<uint64_t, const Entry*> Record::collectives() const {
  std::map<uint64_t, const Entry*> out;
  for (const Entry& e : entries) {
    if (!e.is_message()) out[e.number] = &e;
  }
  return out;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) throw std::runtime_error(concat("Cannot read ", path, "."));
  return text;
}

Records read_records(const std::string& folder) {
  Records records;
  std::vector<Parsed> parsed;
  for (const std::string& file : files_of(folder)) {
    try {
      parsed.push_back(parse(file));
    } catch (const std::exception& error) {
      records.unusable.emplace_back(file, error.what());
    }
  }
  use_one_clock(parsed);
  for (Parsed& p : parsed) records.all.push_back(std::move(p.record));
  return records;
}

}  // namespace mlx::launch::flight
