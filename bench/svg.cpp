#include "svg.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace mlx::bench {
namespace {

constexpr const char* kStyle = R"(<style>
text { font: 12px sans-serif; fill: #222; text-anchor: middle }
.title { font-size: 15px; font-weight: bold }
.value { text-anchor: end }
.name { text-anchor: start }
.frame { fill: none; stroke: #222 }
.grid { stroke: #ddd }
.curve { fill: none; stroke-width: 2 }
.small { font-size: 9px; text-anchor: end }
</style>
)";

}  // namespace

std::string text(const char* format, ...) {
  char line[512];
  va_list values;
  va_start(values, format);
  std::vsnprintf(line, sizeof(line), format, values);
  va_end(values);
  return line;
}

std::string escaped(const std::string& plain) {
  std::string out;
  for (const char c : plain) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

double Axis::place(double value) const {
  const auto scale = [this](double v) { return log ? std::log2(v) : v; };
  return (scale(value) - scale(low)) / (scale(high) - scale(low));
}

Axis log_axis(const std::vector<double>& values, double step) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double low = std::floor(std::log(*least) / std::log(step) + 1e-9);
  const double high = std::ceil(std::log(*most) / std::log(step) - 1e-9);
  return {std::pow(step, low), std::pow(step, std::max(high, low + 1)), true};
}

std::vector<double> log_ticks(const Axis& axis, double step) {
  std::vector<double> ticks;
  for (double at = axis.low; at <= axis.high * 1.001; at *= step) ticks.push_back(at);
  while (ticks.size() > 9) {  // every other one
    for (size_t i = 0; 2 * i < ticks.size(); ++i) ticks[i] = ticks[2 * i];
    ticks.resize((ticks.size() + 1) / 2);
  }
  return ticks;
}

void write_svg(const std::string& path, double width, double height, const std::string& elements) {
  std::ofstream file(path, std::ios::binary);
  file << text(
              "<svg xmlns='http://www.w3.org/2000/svg' width='%g' height='%g' "
              "viewBox='0 0 %g %g'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
              width, height, width, height)
       << kStyle << elements << "</svg>\n"
       << std::flush;
  if (!file) throw std::runtime_error("Cannot write " + path + ".");
}

}  // namespace mlx::bench
