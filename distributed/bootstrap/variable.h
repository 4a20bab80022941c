#pragma once

// Numbers in environment variables.

#include <charconv>
#include <functional>
#include <string>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {

/// The value of an environment variable; empty: not set.
using VariableLookup = std::function<std::string(const char* name)>;

/// Errors: std::invalid_argument for anything but a number that is not negative.
template <typename T>
T read_number(const VariableLookup& variable, const char* name) {
  const std::string text = variable(name);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size() && value >= T{}, "[init] ", name,
          " makes no sense: got \"", text, "\", expected a number that is not negative.");
  return value;
}

/// The same, with a value for what is not set.
template <typename T>
T read_number(const VariableLookup& variable, const char* name, T otherwise) {
  return variable(name).empty() ? otherwise : read_number<T>(variable, name);
}

}  // namespace mlx::core::distributed
