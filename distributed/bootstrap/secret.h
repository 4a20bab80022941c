#pragma once

// What the processes of a job know and nobody else does.

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>

namespace mlx::core::distributed {

/// The job's secret. It travels in the environment or in a file, never on a
/// command line and never over a connection.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  /// 256 random bits as 64 hexadecimal digits.
  static Secret random();

  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

using Digest = std::array<std::byte, 32>;

/// HMAC-SHA256 over the parts, one after the other.
Digest hmac(const Secret& secret, std::initializer_list<std::span<const std::byte>> parts);

/// Compares in constant time.
bool equal(const Digest& a, const Digest& b);

/// Fills with random bytes from the operating system.
void fill_random(std::span<std::byte> bytes);

}  // namespace mlx::core::distributed
