#pragma once

// Wakes a thread that sleeps in poll(2).

namespace mlx::core::distributed {

class Bell {
 public:
  Bell();
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// Readable from ring() to clear().
  int fd() const { return fd_; }
  void ring() noexcept;
  void clear() noexcept;

 private:
  int fd_;
};

}  // namespace mlx::core::distributed
