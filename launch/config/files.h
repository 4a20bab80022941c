#pragma once

// Small files of /proc and /sys.

#include <cstdint>
#include <string>
#include <vector>

namespace mlx::launch::config {

/// Empty when it cannot be read.
std::string file_text(const std::string& path);
/// The first line, without what is blank at its ends.
std::string file_line(const std::string& path);
/// The number at the beginning, or `otherwise`.
int64_t file_number(const std::string& path, int64_t otherwise);
/// Names in a folder, sorted; none when it does not exist.
std::vector<std::string> names_in(const std::string& folder);
/// The last part of what a link points to.
std::string link_name(const std::string& path);

std::vector<std::string> lines_of(const std::string& text);
std::string trimmed(const std::string& text);

}  // namespace mlx::launch::config
