#pragma once

// Messages and errors. Every message has the form
//   [op] What is wrong: got X, expected Y.
// The type says whose fault it is: std::invalid_argument (the call),
// std::out_of_range (an index), std::runtime_error (the world outside).

#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mlx::core {

/// Appends the text of a value to `out`. Types of other folders join by an
/// overload of their own, found by argument-dependent lookup.
void append(std::string& out, std::string_view text);
void append(std::string& out, const char* text);  // else a literal would convert to bool
void append(std::string& out, bool value);
void append(std::string& out, long long value);
void append(std::string& out, unsigned long long value);
void append(std::string& out, double value);

template <std::signed_integral T>
void append(std::string& out, T value) {
  append(out, static_cast<long long>(value));
}
template <std::unsigned_integral T>
requires(!std::same_as<T, bool>) void append(std::string& out, T value) {
  append(out, static_cast<unsigned long long>(value));
}

/// The texts of all parts, one after the other.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (append(out, parts), ...);
  return out;
}

/// Throws std::invalid_argument with the text of all parts.
template <typename... Parts>
[[noreturn]] void throw_invalid(const Parts&... parts) {
  throw std::invalid_argument(concat(parts...));
}

/// Throws std::invalid_argument unless `ok`.
template <typename... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]] {
    throw_invalid(parts...);
  }
}

}  // namespace mlx::core
