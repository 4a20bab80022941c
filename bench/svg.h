#pragma once

// What the plots of the benchmarks share: SVG as text, logarithmic axes.

#include <string>
#include <vector>

namespace mlx::bench {

/// printf into a string of at most 511 characters.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

/// `plain` with the characters replaced that mean something in SVG.
std::string escaped(const std::string& plain);

/// An axis from `low` to `high`, in logarithms if `log`.
struct Axis {
  double low, high;
  bool log;

  /// Where `value` is, from 0 to 1.
  double place(double value) const;
};

/// The range of all values, to whole powers of `step`.
Axis log_axis(const std::vector<double>& values, double step);

/// At most nine powers of `step`.
std::vector<double> log_ticks(const Axis& axis, double step);

/// Writes a picture. Its elements may have the classes of the style sheet in svg.cpp.
/// Errors: std::runtime_error if the file cannot be written.
void write_svg(const std::string& path, double width, double height, const std::string& elements);

}  // namespace mlx::bench
