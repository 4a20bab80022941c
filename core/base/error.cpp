#include "mlx/core/base/error.h"

#include <cstdio>

namespace mlx::core {

void append(std::string& out, std::string_view text) { out.append(text); }

void append(std::string& out, const char* text) { out.append(text); }

void append(std::string& out, bool value) { out.append(value ? "true" : "false"); }

void append(std::string& out, long long value) { out.append(std::to_string(value)); }

void append(std::string& out, unsigned long long value) { out.append(std::to_string(value)); }

void append(std::string& out, double value) {
  char text[32];
  out.append(text, static_cast<size_t>(std::snprintf(text, sizeof text, "%g", value)));
}

}  // namespace mlx::core
