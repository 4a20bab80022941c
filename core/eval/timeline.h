#pragma once

// MLX_TRACE: when each task ran on which stream, as a trace in Chrome's format.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace mlx::core::timeline {

namespace detail {
extern std::atomic<bool> is_on;
}

/// Whether anybody wants to know. All else is to be called only if so.
inline bool on() { return detail::is_on.load(std::memory_order_relaxed); }

/// Nanoseconds of the monotonic clock, which all processes of a host share.
int64_t now();

/// Something that a thread did from `begin` until now.
struct Event {
  std::string_view name;
  std::string_view category;
  int64_t begin;
  /// Members of a JSON object: `"bytes":16,"peer":2`. See append_member.
  std::string arguments;
};
void append_member(std::string& arguments, std::string_view key, std::string_view text);
void append_member(std::string& arguments, std::string_view key, int64_t number);

/// Adds it to the stream whose work the calling thread does.
void record(const Event& event);

/// Writes what has been recorded so far; happens by itself ten times a second
/// and at the end of the process.
void flush();

/// The calling thread does the work of a stream as long as it lives.
class StreamScope {
 public:
  explicit StreamScope(int stream);
  ~StreamScope();
  StreamScope(const StreamScope&) = delete;
  StreamScope& operator=(const StreamScope&) = delete;

 private:
  const int before_;
};

}  // namespace mlx::core::timeline
