#include "mlx/launch/host.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "mlx/core/base/error.h"

namespace mlx::launch {
namespace {

using core::require;

bool is_text_of(const std::string& text, const char* allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == text.npos;
}

// What ssh and the resolver take; never what a shell or ssh's options could be.
bool is_name(const std::string& text) {
  constexpr const char* kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  return is_text_of(text, kAllowed) && text[0] != '-' && text[0] != '.';
}

// "node1" and "node1.cluster" are the same computer.
bool is_own_name(const std::string& name) {
  char buffer[HOST_NAME_MAX + 1] = {};
  if (gethostname(buffer, HOST_NAME_MAX) != 0) return false;
  const std::string own = buffer;
  const bool both_long = own.find('.') != own.npos && name.find('.') != name.npos;
  if (own.empty() || both_long) return !own.empty() && name == own;
  return name.substr(0, name.find('.')) == own.substr(0, own.find('.'));
}

}  // namespace

bool Host::is_here() const {
  if (!user.empty() || port != 0) return false;
  const bool loopback =
      name == "localhost" || name == "::1" || (name.starts_with("127.") && is_address(name));
  return loopback || is_own_name(name);
}

bool Host::same_login(const Host& other) const {
  if (is_here() || other.is_here()) return is_here() && other.is_here();
  return name == other.name && user == other.user && port == other.port;
}

Host parse_host(const std::string& text) {
  Host host;
  const size_t at = text.rfind('@');
  const bool with_user = at != text.npos;
  if (with_user) host.user = text.substr(0, at);
  host.name = with_user ? text.substr(at + 1) : text;
  if (host.name.starts_with('[') && host.name.ends_with(']')) {
    host.name = host.name.substr(1, host.name.size() - 2);
    const bool v6 = is_address(host.name) && host.name.find(':') != text.npos;
    require(v6, "not an IPv6 address in brackets: got \"", text, "\"");
  }
  require(!with_user || is_name(host.user), "no user before the @: got \"", text, "\"");
  require(is_name(host.name) || is_address(host.name), "not the name or address of a host: got \"",
          text, "\"",
          std::count(host.name.begin(), host.name.end(), ':') == 1
              ? ", and ports and slots belong into a hostfile"
              : "");
  return host;
}

bool is_address(const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return true;
  const size_t scope = text.find('%');
  if (scope != text.npos && !is_name(text.substr(scope + 1))) return false;
  return inet_pton(AF_INET6, text.substr(0, scope).c_str(), bytes) == 1;
}

std::pair<std::string, std::string> parse_variable(const std::string& text) {
  const size_t equals = text.find('=');
  require(equals != text.npos && equals > 0 && text.find('\0') == text.npos,
          "expected NAME=VALUE, got \"", text, "\"");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace mlx::launch
