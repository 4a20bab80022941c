#include "mlx/launch/display.h"

#include <unistd.h>

namespace mlx::launch {

void Display::show(int fd, const LineBuffer& source, Shown shown) {
  if (shown.text.empty()) return;
  if (bar_owner_ && bar_owner_ != &source) {
    lines(fd, std::move(shown.text));
    return;
  }
  writer_.put(fd, std::move(shown.text));
  bar_owner_ = shown.open ? &source : nullptr;
  bar_fd_ = fd;
}

void Display::say(std::string text) { lines(STDERR_FILENO, std::move(text)); }

void Display::lines(int fd, std::string text) {
  if (bar_owner_ && isatty(fd)) {
    constexpr const char* kEraseLine = "\r\x1b[K";
    writer_.put(bar_fd_, kEraseLine);
    writer_.put(fd, std::move(text));
    writer_.put(bar_fd_, std::string(bar_owner_->open_line()));
  } else {
    writer_.put(fd, std::move(text));
  }
}

}  // namespace mlx::launch
