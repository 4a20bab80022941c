#pragma once

// Cuts what a rank writes into whole lines, so that those of different ranks never mix.

#include <string>
#include <string_view>

namespace mlx::launch {

/// What can be shown now.
struct Shown {
  std::string text;   ///< new bytes
  bool open = false;  ///< they end within a line, whose state is LineBuffer::open_line()
};

class LineBuffer {
 public:
  enum class Mode {
    raw,    ///< everything at once: nobody else writes
    lines,  ///< whole lines
    live,   ///< whole lines, and an unfinished one as soon as it holds '\r': a progress bar
  };

  /// A longer line is passed on in pieces, lest a rank without line ends fill the memory.
  static constexpr size_t kLongestLine = size_t{16} << 20;

  /// `tag` goes before every line; not with raw and live.
  explicit LineBuffer(Mode mode, std::string tag = {}) : mode_(mode), tag_(std::move(tag)) {}

  Shown take(std::string_view bytes);
  /// What is left at the end; with a line end of its own unless raw.
  Shown finish();

  /// The unfinished line as it looks: what follows its last '\r'.
  std::string_view open_line() const;

 private:
  std::string tagged(std::string lines) const;

  Mode mode_;
  std::string tag_;
  std::string pending_;  // the unfinished line
  size_t shown_ = 0;     // bytes of it that were passed on
};

}  // namespace mlx::launch
