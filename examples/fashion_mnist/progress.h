#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fashion_mnist {

/// Shows how training goes: one line that is rewritten, on a terminal, or a
/// line every now and then.
class Progress {
 public:
  /// `steps` of `batch_size` images make an epoch; `done` steps of all
  /// `epochs` are behind us already. Shows nothing unless `visible`.
  Progress(bool visible, int epochs, int64_t steps, int64_t batch_size, int64_t done);

  /// A step is over, whose loss was `loss`.
  void step(float loss);
  /// A line that stays.
  void say(const std::string& line);
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  std::string describe(float loss) const;

  const bool visible_;
  const bool live_;
  const int epochs_;
  const int64_t steps_, batch_size_, first_;
  int64_t done_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point shown_{};
};

}  // namespace fashion_mnist
