#include "progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fashion_mnist {

namespace {

constexpr int kPlainLineEvery = 50;  // steps
constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr int kBarWidth = 20;

/// mlx-launch reads our output through a pipe and says so if it has a terminal.
bool on_terminal() {
  const char* launcher = std::getenv("MLX_LAUNCH_TTY");
  return isatty(STDOUT_FILENO) || (launcher && std::string_view(launcher) == "1");
}

std::string bar(double share) {
  const int full = static_cast<int>(share * kBarWidth);
  return "[" + std::string(static_cast<size_t>(full), '#') +
         std::string(static_cast<size_t>(kBarWidth - full), '.') + "]";
}

/// 65 seconds -> "1:05".
std::string format_duration(double seconds) {
  char text[32];
  const auto whole = static_cast<long long>(seconds);
  std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  return text;
}

}  // namespace

Progress::Progress(bool visible, int epochs, int64_t steps, int64_t batch_size, int64_t done)
    : visible_(visible),
      live_(on_terminal()),
      epochs_(epochs),
      steps_(steps),
      batch_size_(batch_size),
      first_(done),
      done_(done) {}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

std::string Progress::describe(float loss) const {
  const double elapsed = std::max(seconds(), 1e-9);
  const auto taken = static_cast<double>(done_ - first_);
  const double left = elapsed / taken * static_cast<double>(steps_ * epochs_ - done_);
  const int64_t epoch = (done_ - 1) / steps_, step = (done_ - 1) % steps_ + 1;
  const std::string shown_bar =
      live_ ? bar(static_cast<double>(step) / static_cast<double>(steps_)) + " " : "";
  char text[160];
  std::snprintf(
      text, sizeof text, "epoch %lld/%d %sstep %lld/%lld  loss %.4f  %.0f images/s  %s left",
      static_cast<long long>(epoch + 1), epochs_, shown_bar.c_str(), static_cast<long long>(step),
      static_cast<long long>(steps_), static_cast<double>(loss),
      taken * static_cast<double>(batch_size_) / elapsed, format_duration(left).c_str());
  return text;
}

void Progress::step(float loss) {
  ++done_;
  if (!visible_) {
    return;
  }
  const bool last = done_ % steps_ == 0;
  if (live_) {
    if (last || Clock::now() - shown_ >= kRedrawEvery) {
      shown_ = Clock::now();
      // Ends with \r, not begins: whoever forwards lines sees this one at once.
      std::printf("%s\x1b[K%s", describe(loss).c_str(), last ? "\n" : "\r");
      std::fflush(stdout);
    }
  } else if (last || done_ % kPlainLineEvery == 0) {
    std::printf("%s\n", describe(loss).c_str());
    std::fflush(stdout);
  }
}

void Progress::say(const std::string& line) {
  if (visible_) {
    std::printf("%s%s\n", line.c_str(), live_ ? "\x1b[K" : "");
    std::fflush(stdout);
  }
}

}  // namespace fashion_mnist
