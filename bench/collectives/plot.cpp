#include "plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "svg.h"

namespace mlx::bench {
namespace {

constexpr double kPanelWidth = 430, kPanelHeight = 320, kPanelTop = 50, kLegendLine = 20;
constexpr std::array kPanelLeft = {80.0, 610.0};
constexpr double kWidth = 1080;
constexpr std::array kColors = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                "#56b4e9", "#e69f00", "#444444"};

struct Point {
  double bytes;
  double value;
};

constexpr std::array kDashes = {"", " stroke-dasharray='7 4'", " stroke-dasharray='2 3'",
                                " stroke-dasharray='9 3 2 3'"};

struct Curve {
  std::string name;
  std::string op;
  size_t report;
  std::vector<Point> latency;
  std::vector<Point> bandwidth;
};

// "64K", "0.5", "2.5M"
std::string bytes_label(double bytes) {
  const char* const units[] = {"", "K", "M", "G", "T"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit) bytes /= 1024;
  return text("%g%s", bytes, units[unit]);
}

// 1, 2 or 5 times a power of ten, about a sixth of the range.
double nice_step(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / 6)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (range / (factor * power) <= 7) return factor * power;
  }
  return 10 * power;
}

class Panel {
 public:
  Panel(double left, Axis x, Axis y) : left_(left), x_(x), y_(y) {}

  double x(double bytes) const { return left_ + x_.place(bytes) * kPanelWidth; }
  double y(double value) const { return kPanelTop + (1 - y_.place(value)) * kPanelHeight; }

  void frame(const std::string& title, const std::string& unit) {
    const double middle = left_ + kPanelWidth / 2, bottom = kPanelTop + kPanelHeight;
    svg += text("<rect x='%g' y='%g' width='%g' height='%g' class='frame'/>\n", left_, kPanelTop,
                kPanelWidth, kPanelHeight);
    svg += text("<text x='%g' y='%g' class='title'>%s</text>\n", middle, kPanelTop - 18,
                title.c_str());
    svg += text("<text x='%g' y='%g'>size (bytes)</text>\n", middle, bottom + 42);
    svg += text("<text transform='translate(%g %g) rotate(-90)'>%s</text>\n", left_ - 56,
                kPanelTop + kPanelHeight / 2, unit.c_str());
  }

  void tick_x(double bytes) {
    const double bottom = kPanelTop + kPanelHeight;
    svg += text("<line x1='%g' y1='%g' x2='%g' y2='%g' class='grid'/>\n", x(bytes), kPanelTop,
                x(bytes), bottom);
    svg +=
        text("<text x='%g' y='%g'>%s</text>\n", x(bytes), bottom + 20, bytes_label(bytes).c_str());
  }

  void tick_y(double value) {
    svg += text("<line x1='%g' y1='%g' x2='%g' y2='%g' class='grid'/>\n", left_, y(value),
                left_ + kPanelWidth, y(value));
    svg += text("<text x='%g' y='%g' class='value'>%g</text>\n", left_ - 8, y(value) + 4, value);
  }

  void curve(const std::vector<Point>& points, const char* style) {
    std::string path;
    for (const Point& p : points) {
      path += text("%.1f,%.1f ", x(p.bytes), y(p.value));
      svg += text("<circle cx='%.1f' cy='%.1f' r='3' %s/>\n", x(p.bytes), y(p.value), style);
    }
    svg += "<polyline points='" + path + "' class='curve' " + style + "/>\n";
  }

  std::string svg;

 private:
  double left_;
  Axis x_, y_;
};

std::vector<Curve> curves_of(const std::vector<Report>& reports) {
  std::vector<Curve> curves;
  for (size_t number = 0; number < reports.size(); ++number) {
    const Report& report = reports[number];
    const size_t first = curves.size();
    for (const Row& row : report.rows) {
      if (row.bytes == 0) continue;  // a barrier has no size
      const std::string name = row.op + ", " + report.system + ", " + std::to_string(report.ranks) +
                               " ranks, " + report.dtype;
      auto curve = std::find_if(curves.begin() + static_cast<std::ptrdiff_t>(first), curves.end(),
                                [&](const Curve& c) { return c.name == name; });
      if (curve == curves.end()) curve = curves.insert(curve, Curve{name, row.op, number, {}, {}});
      const double bytes = static_cast<double>(row.bytes);
      curve->latency.push_back({bytes, std::max(row.median_us, 1e-3)});
      curve->bandwidth.push_back({bytes, row.busbw});
    }
  }
  return curves;
}

std::vector<double> all(const std::vector<Curve>& curves, std::vector<Point> Curve::*points,
                        double Point::*coordinate) {
  std::vector<double> values;
  for (const Curve& curve : curves) {
    for (const Point& p : curve.*points) values.push_back(p.*coordinate);
  }
  return values;
}

// While there are enough colors each curve has its own; otherwise operations differ
// by color and reports by dashes.
std::vector<std::string> styles_of(const std::vector<Curve>& curves) {
  std::vector<std::string> ops, styles;
  for (size_t i = 0; i < curves.size(); ++i) {
    const auto op = std::find(ops.begin(), ops.end(), curves[i].op);
    const auto number = static_cast<size_t>(op - ops.begin());
    if (op == ops.end()) ops.push_back(curves[i].op);
    const bool enough = curves.size() <= kColors.size();
    const char* color = kColors[(enough ? i : number) % kColors.size()];
    const char* dashes = kDashes[enough ? 0 : curves[i].report % kDashes.size()];
    styles.push_back(text("stroke='%s' fill='%s'%s", color, color, dashes));
  }
  return styles;
}

std::string legend(const std::vector<Curve>& curves, const std::vector<std::string>& styles) {
  std::string svg;
  for (size_t i = 0; i < curves.size(); ++i) {
    const double y = kPanelTop + kPanelHeight + 74 + kLegendLine * static_cast<double>(i);
    svg += text("<line x1='%g' y1='%g' x2='%g' y2='%g' class='curve' %s/>\n", kPanelLeft[0], y - 4,
                kPanelLeft[0] + 34, y - 4, styles[i].c_str());
    svg += text("<text x='%g' y='%g' class='name'>", kPanelLeft[0] + 44, y) +
           escaped(curves[i].name) + "</text>\n";
  }
  return svg;
}

std::string draw(const std::vector<Curve>& curves) {
  const Axis x = log_axis(all(curves, &Curve::latency, &Point::bytes), 2);
  const Axis time = log_axis(all(curves, &Curve::latency, &Point::value), 10);
  const auto rates = all(curves, &Curve::bandwidth, &Point::value);
  const double most = std::max(*std::max_element(rates.begin(), rates.end()), 1e-3);
  const double step = nice_step(most);
  const Axis rate{0, std::ceil(most / step) * step, false};

  Panel latency(kPanelLeft[0], x, time), bandwidth(kPanelLeft[1], x, rate);
  for (const double bytes : log_ticks(x, 2)) {
    latency.tick_x(bytes);
    bandwidth.tick_x(bytes);
  }
  for (const double value : log_ticks(time, 10)) latency.tick_y(value);
  for (double value = 0; value < rate.high + step / 2; value += step) bandwidth.tick_y(value);
  latency.frame("Latency", "median (us)");
  bandwidth.frame("Bus bandwidth", "GB/s");
  const std::vector<std::string> styles = styles_of(curves);
  for (size_t i = 0; i < curves.size(); ++i) {
    latency.curve(curves[i].latency, styles[i].c_str());
    bandwidth.curve(curves[i].bandwidth, styles[i].c_str());
  }
  return latency.svg + bandwidth.svg + legend(curves, styles);
}

}  // namespace

void write_plot(const std::string& path, const std::vector<Report>& reports) {
  const std::vector<Curve> curves = curves_of(reports);
  if (curves.empty()) throw std::runtime_error("There is nothing to plot: no result has a size.");
  const double height =
      kPanelTop + kPanelHeight + 80 + kLegendLine * static_cast<double>(curves.size());
  write_svg(path, kWidth, height, draw(curves));
}

}  // namespace mlx::bench
