#pragma once

#include <utility>

namespace mlx::launch {

/// An owned file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void close();

 private:
  int fd_ = -1;
};

/// Both ends are closed on exec; blocking.
struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

/// Errors: LaunchError when there are no descriptors left.
Pipe make_pipe();

void set_nonblocking(const Descriptor& descriptor);

}  // namespace mlx::launch
