#pragma once

// Writes to our standard output and error from a thread of its own: a reader
// that is slow or stands still never keeps the launcher from watching the ranks.

#include <memory>
#include <optional>
#include <string>

namespace mlx::launch {

class Writer {
 public:
  Writer();
  /// Writes what is left, unless abandoned.
  ~Writer();

  /// Queues; one queue for both descriptors, so that order is kept when they are the same.
  void put(int fd, std::string text);

  /// More than a few MiB are waiting: read no more from the ranks.
  bool full() const;
  bool idle() const;
  /// Nobody reads a descriptor any more, or the disk is full; what was for it is lost.
  struct Failure {
    int fd;
    int error;  ///< errno
  };
  std::optional<Failure> failure() const;

  /// Becomes readable after some progress; clear() it then.
  int progress_fd() const;
  void clear();

  /// Leaves the rest unwritten.
  void abandon();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mlx::launch
