#include "mlx/launch/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "mlx/core/base/error.h"
#include "mlx/launch/error.h"

namespace mlx::launch {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Descriptor::~Descriptor() { close(); }

void Descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Pipe make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw LaunchError(LaunchError::kFailed,
                      core::concat("Cannot make a pipe: ", std::strerror(errno),
                                   ". Each rank needs three; `ulimit -n` may be too low."));
  }
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

void set_nonblocking(const Descriptor& descriptor) {
  fcntl(descriptor.fd(), F_SETFL, fcntl(descriptor.fd(), F_GETFL) | O_NONBLOCK);
}

}  // namespace mlx::launch
