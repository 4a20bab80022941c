#pragma once

// A ring of bytes in memory that two processes (or threads) share, with one
// writer and one reader. Lock-free: each end owns one index and publishes it
// with release order. The indices count bytes and never wrap.
//
// An end with nothing to do says so in its `sleeps` flag before it sleeps and
// looks once more; the other end takes the flag down and rings. One of the two
// sees the other's write, so no wake-up is lost.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mlx::core::distributed {

struct RingControl {
  alignas(64) std::atomic<uint64_t> written{0};
  alignas(64) std::atomic<uint64_t> consumed{0};
  alignas(64) std::atomic<uint32_t> reader_sleeps{0};
  std::atomic<uint32_t> writer_sleeps{0};
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

class RingWriter {
 public:
  /// `capacity` is a power of two.
  RingWriter(RingControl* control, std::byte* data, size_t capacity)
      : control_(control), data_(data), capacity_(capacity) {}

  /// Copies what fits. Publishes large copies piece by piece, so that the reader starts early.
  size_t write(std::span<const std::byte> bytes);
  /// Whether the reader sleeps; takes its flag down.
  bool reader_must_wake();
  /// Before sleeping. False: there is room, do not sleep.
  bool announce_sleep();
  void cancel_sleep() { control_->writer_sleeps.store(0, std::memory_order_relaxed); }

 private:
  RingControl* control_;
  std::byte* data_;
  size_t capacity_;
  uint64_t written_ = 0;
  uint64_t consumed_seen_ = 0;
};

class RingReader {
 public:
  RingReader(RingControl* control, const std::byte* data, size_t capacity)
      : control_(control), data_(data), capacity_(capacity) {}

  size_t read(std::span<std::byte> bytes);
  bool writer_must_wake();
  /// Before sleeping. False: there is something to read, do not sleep.
  bool announce_sleep();
  void cancel_sleep() { control_->reader_sleeps.store(0, std::memory_order_relaxed); }

 private:
  RingControl* control_;
  const std::byte* data_;
  size_t capacity_;
  uint64_t consumed_ = 0;
  uint64_t written_seen_ = 0;
};

}  // namespace mlx::core::distributed
