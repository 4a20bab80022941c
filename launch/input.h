#pragma once

// Copies our standard input to every rank.

#include <deque>
#include <string>
#include <vector>

#include "mlx/launch/descriptor.h"
#include "mlx/launch/poller.h"

namespace mlx::launch {

/// Reads as fast as the fastest rank does, and keeps in memory what the others
/// have not taken yet: a rank that does not read holds up nobody.
class Input {
 public:
  /// Reads from `source`, which stays open.
  explicit Input(int source) : source_(source) {}

  /// The write end of a rank's standard input.
  void add(Descriptor rank);
  void watch(Poller& poller);
  /// No more input for anybody.
  void close();

 private:
  struct Reader {
    Descriptor pipe;
    size_t at = 0;  // offset in the stream of the next byte it gets
  };

  bool wanted() const;
  void read_some();
  void feed(Reader& reader);
  void forget_what_all_have();

  int source_;
  bool ended_ = false;
  std::vector<Reader> readers_;
  std::deque<std::string> blocks_;  // the stream from begin_ to end_, each block full but the last
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace mlx::launch
