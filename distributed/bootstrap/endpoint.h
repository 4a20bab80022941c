#pragma once

// Where a process can be reached: a host (name, IPv4 or IPv6 address) and a port.

#include <cstdint>
#include <string>
#include <string_view>

namespace mlx::core::distributed {

struct Endpoint {
  std::string host;
  uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

/// Reads "host:port", "1.2.3.4:port" or "[::1]:port".
/// Errors: std::invalid_argument for anything else.
Endpoint parse_endpoint(std::string_view text);

/// As parse_endpoint, but the port may be left out (it is 0 then): "name", "1.2.3.4",
/// "::1" and "[::1]" are read too.
Endpoint parse_address(std::string_view text);

/// The form that parse_endpoint reads.
std::string to_string(const Endpoint& endpoint);

}  // namespace mlx::core::distributed
