#include "mlx/distributed/bootstrap/bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "mlx/distributed/bootstrap/errors.h"

namespace mlx::core::distributed {

Bell::Bell() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw DistributedError("[init] The process is out of file descriptors.");
}

Bell::~Bell() { close(fd_); }

void Bell::ring() noexcept { eventfd_write(fd_, 1); }

void Bell::clear() noexcept {
  eventfd_t value;
  eventfd_read(fd_, &value);
}

}  // namespace mlx::core::distributed
