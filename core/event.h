#pragma once

// An event is signaled once, by the work that produces a result, and may be
// waited for by anybody. It carries the error of work that failed.

#include <cstdint>
#include <exception>
#include <memory>

#include "mlx/core/stream.h"

namespace mlx::core {

/// What went wrong in work on a stream.
struct Error {
  std::exception_ptr exception;
};

class Event {
 public:
  /// An event that belongs to no work: valid() is false.
  Event() = default;
  explicit Event(Stream stream);

  /// Blocks the calling thread until the event is signaled, then rethrows its error if it has one.
  void wait();
  /// Makes work given to `stream` from now on wait.
  void wait(Stream stream);
  /// Signals after the work given to `stream` so far.
  void signal(Stream stream);
  /// Signals now.
  void signal();
  bool is_signaled() const;  ///< also true of an event that belongs to no work

  void set_error(Error& err);  ///< to be rethrown to whoever waits
  Error* load_error() const;   ///< null if there is none
  /// Rethrows the stored error, if any.
  void check_error();

  bool valid() const { return state_ != nullptr; }
  uint64_t value() const;  ///< a number for the user's purposes, 0 at first
  void set_value(uint64_t v);
  const Stream& stream() const;

  /// Blocks until signaled; leaves the error where it is.
  void wait_quietly() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mlx::core
