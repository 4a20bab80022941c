#include "bars.h"

#include <algorithm>
#include <cmath>
#include <istream>
#include <stdexcept>
#include <vector>

#include "svg.h"

namespace mlx::bench {
namespace {

constexpr size_t kColumns = 3;
constexpr double kTop = 60, kLine = 12, kLabel = 175, kBars = 170, kColumn = 360;

struct Bar {
  double ratio;
  std::string name;
};

std::vector<Bar> read_bars(std::istream& lines) {
  std::vector<Bar> bars;
  for (Bar bar; lines >> bar.ratio && std::getline(lines >> std::ws, bar.name);) {
    bars.push_back(bar);
  }
  if (bars.empty()) throw std::runtime_error("There is nothing to plot.");
  return bars;
}

// Faster, about as fast, slower.
const char* color_of(double ratio) {
  return ratio <= 1 ? "#009e73" : ratio <= 1.25 ? "#e69f00" : "#d55e00";
}

std::string column(const Bar* bars, size_t count, size_t rows, const Axis& axis, double left) {
  const auto x = [&](double ratio) { return left + kLabel + axis.place(ratio) * kBars; };
  const double bottom = kTop + kLine * static_cast<double>(rows);
  std::string svg;
  for (const double tick : log_ticks(axis, 4)) {
    svg += text("<line x1='%.1f' y1='%g' x2='%.1f' y2='%g' class='grid'/>\n", x(tick), kTop,
                x(tick), bottom);
    svg += text("<text x='%.1f' y='%g' class='small'>%s%g</text>\n", x(tick) + 6, kTop - 6,
                tick < 1 ? "1/" : "", tick < 1 ? 1 / tick : tick);
  }
  for (size_t i = 0; i < count; ++i) {
    const double y = kTop + kLine * static_cast<double>(i);
    const double from = std::min(x(1), x(bars[i].ratio));
    const double width = std::abs(x(1) - x(bars[i].ratio));
    svg += text("<rect x='%.1f' y='%.1f' width='%.1f' height='%g' fill='%s'/>\n", from, y + 2,
                width, kLine - 3, color_of(bars[i].ratio));
    svg += text("<text x='%.1f' y='%.1f' class='small'>", left + kLabel - 6, y + 10) +
           escaped(bars[i].name) + "</text>\n";
  }
  svg +=
      text("<line x1='%.1f' y1='%g' x2='%.1f' y2='%g' stroke='#222'/>\n", x(1), kTop, x(1), bottom);
  return svg;
}

}  // namespace

void write_bars(std::istream& lines, const std::string& file) {
  const std::vector<Bar> bars = read_bars(lines);
  std::vector<double> ratios{1};
  for (const Bar& bar : bars) ratios.push_back(bar.ratio);
  const Axis axis = log_axis(ratios, 4);
  const size_t rows = (bars.size() + kColumns - 1) / kColumns;
  std::string svg = text(
      "<text x='%g' y='24' class='title'>Our time over that of the better of mlx and PyTorch"
      " (less is faster)</text>\n",
      kColumn * kColumns / 2);
  for (size_t i = 0; i * rows < bars.size(); ++i) {
    const size_t count = std::min(rows, bars.size() - i * rows);
    svg += column(&bars[i * rows], count, rows, axis, kColumn * static_cast<double>(i));
  }
  write_svg(file, kColumn * kColumns, kTop + kLine * static_cast<double>(rows) + 20, svg);
}

}  // namespace mlx::bench
