#include "mlx/distributed/bootstrap/endpoint.h"

#include <algorithm>
#include <charconv>

#include "mlx/core/base/error.h"

namespace mlx::core::distributed {

Endpoint parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  const bool closed = !bracketed || (colon > 0 && colon != text.npos && text[colon - 1] == ']');
  require(colon != text.npos && colon > 0 && closed &&
              (bracketed || text.substr(0, colon).find(':') == text.npos),
          "[distributed] Not an address: got \"", text,
          "\", expected host:port or [IPv6 address]:port.");
  const std::string_view host = bracketed ? text.substr(1, colon - 2) : text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), port);
  require(error == std::errc() && end == digits.end() && port <= 65535 && !host.empty(),
          "[distributed] Not an address: got \"", text, "\", expected a port from 0 to 65535.");
  return {std::string(host), static_cast<uint16_t>(port)};
}

Endpoint parse_address(std::string_view text) {
  const bool bracketed = text.starts_with('[');
  if (bracketed && text.ends_with(']')) return parse_endpoint(concat(text, ":0"));
  const auto colons = std::count(text.begin(), text.end(), ':');
  if (bracketed || colons == 1) return parse_endpoint(text);
  return parse_endpoint(colons == 0 ? concat(text, ":0") : concat("[", text, "]:0"));
}

std::string to_string(const Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return v6 ? concat("[", endpoint.host, "]:", endpoint.port)
            : concat(endpoint.host, ":", endpoint.port);
}

}  // namespace mlx::core::distributed
