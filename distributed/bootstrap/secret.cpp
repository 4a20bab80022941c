#include "mlx/distributed/bootstrap/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <cerrno>
#include <stdexcept>
#include <vector>

namespace mlx::core::distributed {

void fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = getrandom(bytes.data(), bytes.size(), 0);
    if (n > 0) {
      bytes = bytes.subspan(static_cast<size_t>(n));
    } else if (errno != EINTR) {
      throw std::runtime_error("[distributed] The operating system gives no random numbers.");
    }
  }
}

Secret Secret::random() {
  std::array<std::byte, 32> bytes;
  fill_random(bytes);
  std::string text;
  for (const std::byte b : bytes) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(b) >> 4];
    text += "0123456789abcdef"[std::to_integer<unsigned>(b) & 15];
  }
  return Secret(std::move(text));
}

namespace {

// The library would clean up in an exit handler, while threads of groups in
// static variables still shake hands.
void keep_library_to_the_end() {
  [[maybe_unused]] static const int done = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
}

}  // namespace

Digest hmac(const Secret& secret, std::initializer_list<std::span<const std::byte>> parts) {
  keep_library_to_the_end();
  std::vector<std::byte> all;
  for (const auto part : parts) all.insert(all.end(), part.begin(), part.end());
  Digest digest;
  unsigned length = 0;
  if (!HMAC(EVP_sha256(), secret.text().data(), static_cast<int>(secret.text().size()),
            reinterpret_cast<const unsigned char*>(all.data()), all.size(),
            reinterpret_cast<unsigned char*>(digest.data()), &length) ||
      length != digest.size()) {
    throw std::runtime_error("[distributed] HMAC-SHA256 is not available in libcrypto.");
  }
  return digest;
}

bool equal(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mlx::core::distributed
