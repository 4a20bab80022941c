// A hostfile that holds anything: it is read, or refused as an argument that
// makes no sense.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "mlx/distributed/bootstrap/environment.h"

using namespace mlx::core::distributed;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int file = memfd_create("hostfile", MFD_CLOEXEC);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size)) std::abort();
  setenv("MLX_HOSTFILE", ("/proc/self/fd/" + std::to_string(file)).c_str(), 1);
  try {
    const Environment environment = read_environment();
    for (const auto& rank : environment.hosts) {
      for (const Endpoint& address : rank) {
        if (parse_endpoint(to_string(address)) != address) std::abort();
      }
    }
  } catch (const std::invalid_argument&) {
  }
  close(file);
  return 0;
}
