#pragma once

#include <string>
#include <vector>

#include "report.h"

namespace mlx::bench {

/// Draws two panels, latency and bus bandwidth over size, with one curve for
/// each operation of each report, as SVG.
/// Errors: std::runtime_error if the file cannot be written.
void write_plot(const std::string& file, const std::vector<Report>& reports);

}  // namespace mlx::bench
