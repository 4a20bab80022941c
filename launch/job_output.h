#pragma once

// What the ranks say, on its way to our output and to the files of --log-dir.

#include <string>
#include <string_view>
#include <vector>

#include "mlx/launch/descriptor.h"
#include "mlx/launch/display.h"
#include "mlx/launch/line_buffer.h"
#include "mlx/launch/options.h"
#include "mlx/launch/summary.h"

namespace mlx::launch {

class JobOutput {
 public:
  JobOutput(const Options& options, int ranks);

  /// The ranks start, or start again when all that they had said is written. Errors: LaunchError
  /// when a file cannot be made.
  void begin(int restart);
  /// `stream`: 0 standard output, 1 standard error.
  void take(size_t rank, size_t stream, std::string_view bytes);
  /// Nothing more comes from the stream.
  void end(size_t rank, size_t stream);

  /// Whole lines of our own, to standard error.
  void say(std::string lines) { display_.say(std::move(lines)); }
  /// The last bytes of a stream.
  const Tail& tail(size_t rank, size_t stream) const { return ranks_[rank].streams[stream].tail; }
  Writer& writer() { return display_.writer(); }
  /// Why what the ranks say gets lost, if it does; `ours`: on our own output.
  struct Failure {
    std::string reason;
    bool ours;
  };
  std::optional<Failure> failure();

 private:
  struct Stream {
    LineBuffer lines{LineBuffer::Mode::raw};
    Tail tail;
    Descriptor log;
    std::string log_path;
  };
  struct Rank {
    Stream streams[2];
    bool quiet;
  };

  LineBuffer make_lines(size_t rank, int target) const;
  void open_log(Stream& stream, size_t rank, const char* name, int restart);

  const Options& options_;
  const bool single_;
  std::vector<Rank> ranks_;
  Display display_;  // behind the files: its writer needs them to the end
};

/// "[3]: ", in the colour of the rank if asked.
std::string tag_of(size_t rank, bool coloured);

}  // namespace mlx::launch
