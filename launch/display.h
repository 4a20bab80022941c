#pragma once

// Puts the output of all ranks on ours. On a terminal it keeps rank 0's
// progress bar below the lines of the others.

#include <string>

#include "mlx/launch/line_buffer.h"
#include "mlx/launch/writer.h"

namespace mlx::launch {

class Display {
 public:
  Writer& writer() { return writer_; }

  /// Shows what `source`, which reads for `fd`, has to show.
  void show(int fd, const LineBuffer& source, Shown shown);
  /// Whole lines of our own, to standard error.
  void say(std::string lines);

 private:
  void lines(int fd, std::string text);

  Writer writer_;
  const LineBuffer* bar_owner_ = nullptr;  // whose unfinished line is on the terminal
  int bar_fd_ = -1;
};

}  // namespace mlx::launch
