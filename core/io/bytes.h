#pragma once

// Little-endian numbers in strings of bytes.

#include <cstring>
#include <string>
#include <string_view>

namespace mlx::core::io {

/// The number at `offset`, which must be inside.
template <typename T>
T number_at(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <typename T>
void append_number(std::string& bytes, T value) {
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  bytes.append(raw, sizeof value);
}

}  // namespace mlx::core::io
