#pragma once

#include <iosfwd>
#include <string>

namespace mlx::bench {

/// Draws the lines "RATIO NAME" of `lines` as bars from 1 to the ratio, in
/// columns, as SVG. A ratio is our time over that of the better peer.
/// Errors: std::runtime_error if the file cannot be written or there are no lines.
void write_bars(std::istream& lines, const std::string& file);

}  // namespace mlx::bench
