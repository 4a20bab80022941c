#pragma once

// Names for the arrays of a graph where it is shown.

#include <cstddef>
#include <string>

namespace mlx::core {

/// A, B, ..., Z, AA, AB, ...
inline std::string letter_name(size_t i) {
  std::string name;
  for (++i; i > 0; i = (i - 1) / 26) {
    name.insert(name.begin(), static_cast<char>('A' + (i - 1) % 26));
  }
  return name;
}

}  // namespace mlx::core
