#include "mlx/launch/standard_input.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace mlx::launch {
namespace {

constexpr size_t kReadAtOnce = 64 << 10;
constexpr uint64_t kAhead = 4 * kReadAtOnce;  // read no further ahead of the fastest rank

/// A terminal belongs to the job in the foreground; reading it from the
/// background would stop us.
bool may_read(int fd) { return !isatty(fd) || tcgetpgrp(fd) == getpgrp(); }

}  // namespace

void StandardInput::watch(Poller& poller, bool wanted, const Sink& sink) {
  if (ended_ || !wanted || read_ - taken_ >= kAhead || !may_read(source_)) return;
  poller.watch(source_, POLLIN, [this, sink] { read_some(sink); });
}

void StandardInput::taken(uint64_t offset) { taken_ = std::clamp(offset, taken_, read_); }

void StandardInput::start_over() { read_ = taken_ = 0; }

void StandardInput::read_some(const Sink& sink) {
  std::array<char, kReadAtOnce> buffer;
  const ssize_t n = read(source_, buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  ended_ = n <= 0;
  read_ += static_cast<uint64_t>(std::max<ssize_t>(n, 0));
  sink({buffer.data(), static_cast<size_t>(std::max<ssize_t>(n, 0))});
}

}  // namespace mlx::launch
