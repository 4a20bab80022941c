#pragma once

// Standard input of the ranks of a host.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "mlx/launch/descriptor.h"
#include "mlx/launch/poller.h"

namespace mlx::launch {

/// Copies what it is given to every rank, and keeps in memory what some have not
/// taken yet: a rank that does not read holds up nobody.
class Input {
 public:
  /// The write end of a rank's standard input.
  void add(Descriptor rank);
  void take(std::string_view bytes);
  /// No more is to come: each rank sees the end when it has read what is left.
  void end() { ended_ = true; }
  /// No more input for anybody, at once.
  void close();

  void watch(Poller& poller);

  /// How many bytes the fastest rank has been given.
  uint64_t taken() const { return taken_; }
  /// Whether a rank may still read.
  bool wanted() const { return !readers_.empty(); }

 private:
  struct Reader {
    Descriptor pipe;
    uint64_t at = 0;  // offset in the stream of the next byte it gets
  };

  void feed(Reader& reader);
  void forget_what_all_have();

  bool ended_ = false;
  std::vector<Reader> readers_;
  std::deque<std::string> blocks_;  // the stream from begin_ to end_, each block full but the last
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace mlx::launch
