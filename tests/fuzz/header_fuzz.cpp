// A header of a collective whose bytes may be anything: it equals ours only if
// it is ours, and can be named in an error whatever it says.

#include <cstdlib>
#include <cstring>

#include "mlx/distributed/collective.h"

using namespace mlx::core::distributed;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Header header;
  if (size < sizeof header) return 0;
  std::memcpy(&header, data, sizeof header);
  if (describe(header).empty()) std::abort();
  Header ours{};
  if ((header == ours) != (std::memcmp(&header, &ours, sizeof ours) == 0)) std::abort();
  return 0;
}
