// A handshake with somebody who sends anything, in pieces of any size. Nobody
// gets in without the secret, and nothing but an AuthenticationError comes out.

#include <algorithm>
#include <cstdlib>

#include "mlx/distributed/bootstrap/errors.h"
#include "mlx/distributed/bootstrap/handshake.h"

using namespace mlx::core::distributed;

// The first byte chooses the role, the second how much comes at a time.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Secret secret("a secret that the fuzzer does not know");
  if (size < 2) return 0;
  const auto role = data[0] % 2 == 0 ? Handshake::Role::acceptor : Handshake::Role::connector;
  const size_t piece = 1 + data[1] % 64;
  auto rest = std::as_bytes(std::span(data, size)).subspan(2);
  Handshake handshake(role, secret, {7, 3, Identity::Purpose::data, 5});
  try {
    while (!rest.empty() && handshake.wanted() > 0) {
      handshake.sent(handshake.output().size());
      const size_t n = std::min({piece, rest.size(), handshake.wanted()});
      handshake.input(rest.first(n));
      rest = rest.subspan(n);
    }
  } catch (const AuthenticationError&) {
  }
  if (handshake.done()) std::abort();
  return 0;
}
