#include "mlx/launch/config/words.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace mlx::launch::config {
namespace {

// Three digits that count, and the unit: each is `step` times the one before.
std::string scaled(double value, double step, std::initializer_list<const char*> units) {
  auto unit = units.begin();
  while (unit + 1 != units.end() && value >= step * 0.9995) value /= step, ++unit;
  const int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f %s", digits, value, *unit);
  return text;
}

}  // namespace

std::string rate_text(double bits_per_second) {
  return scaled(bits_per_second, 1e3, {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"});
}

std::string time_text(double seconds) { return scaled(seconds * 1e6, 1e3, {"us", "ms", "s"}); }

std::string bytes_text(int64_t bytes) {
  return scaled(static_cast<double>(bytes), 1024, {"B", "KiB", "MiB", "GiB", "TiB"});
}

std::string list_text(const std::vector<std::string>& items) {
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    out += i == 0 ? "" : i + 1 == items.size() ? " and " : ", ";
    out += items[i];
  }
  return out;
}

}  // namespace mlx::launch::config
