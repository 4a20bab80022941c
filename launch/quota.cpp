#include "mlx/launch/quota.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

namespace mlx::launch {
namespace {

namespace fs = std::filesystem;

constexpr double kNone = std::numeric_limits<double>::infinity();

// Version 2 writes both into one file: "max 100000" or "250000 100000".
double quota_of_group(const fs::path& folder, bool version2) {
  double quota = 0, period = 0;
  if (version2) {
    std::ifstream(folder / "cpu.max") >> quota >> period;
  } else {
    std::ifstream(folder / "cpu.cfs_quota_us") >> quota;
    std::ifstream(folder / "cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : kNone;
}

// The least of a group and those above it.
double quota_of_path(const fs::path& mount, fs::path group, bool version2) {
  double least = quota_of_group(mount, version2);
  for (; group.has_relative_path(); group = group.parent_path()) {
    least = std::min(least, quota_of_group(mount / group.relative_path(), version2));
  }
  return least;
}

}  // namespace

int processors_of_quota(const std::string& groups, const std::string& root) {
  double least = kNone;
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {  // "4:cpu,cpuacct:/group", "0::/group"
    const size_t names = line.find(':') + 1, path = line.find(':', names) + 1;
    if (names == 0 || path == 0) continue;
    const std::string controllers = "," + line.substr(names, path - 1 - names) + ",";
    const std::string group = line.substr(path);
    if (controllers == ",,") {
      least = std::min(least, quota_of_path(root, group, true));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      least = std::min(least, quota_of_path(fs::path(root) / "cpu", group, false));
    }
  }
  return least == kNone ? 0 : std::max(1, static_cast<int>(std::ceil(least)));
}

int processors_of_quota() {
  std::ifstream file("/proc/self/cgroup");
  return processors_of_quota(std::string(std::istreambuf_iterator<char>(file), {}),
                             "/sys/fs/cgroup");
}

}  // namespace mlx::launch
