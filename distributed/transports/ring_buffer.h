#pragma once

// A stream of bytes through memory that two processes (or threads) share, with
// one writer and one reader. Lock-free: each end owns one index and publishes it
// with release order. The indices count bytes and never wrap.
//
// Small messages are copied into a ring and out of it. A large one is lent: the
// writer publishes where it lies in its own memory, and the reader copies it
// from there, so that each byte is copied once. Only a reader that has proved
// that it can read the writer's memory says that loans are welcome. A loan takes
// its place in the stream; until it is settled the writer writes nothing more.
//
// An end with nothing to do says so in its `sleeps` flag before it sleeps and
// looks once more; the other end takes the flag down and rings. One of the two
// sees the other's write, so no wake-up is lost.

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mlx::core::distributed {

struct RingControl {
  // The writer's.
  alignas(64) std::atomic<uint64_t> written{0};
  std::atomic<uint64_t> lent{~uint64_t{0}};  // the position where the latest loan begins
  std::atomic<uint64_t> address{0};          // ... and where its bytes are
  std::atomic<uint32_t> withdrawn{0};        // loans may be anything from now on
  // The reader's.
  alignas(64) std::atomic<uint64_t> consumed{0};
  std::atomic<uint32_t> welcome{0};  // loans are
  std::atomic<uint32_t> refused{0};  // the rest of the loan, until the writer has taken it back
  alignas(64) std::atomic<uint32_t> reader_sleeps{0};
  std::atomic<uint32_t> writer_sleeps{0};
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

class RingWriter {
 public:
  /// `capacity` is a power of two.
  RingWriter(RingControl* control, std::byte* data, size_t capacity)
      : control_(control), data_(data), capacity_(capacity) {}

  /// Copies what fits, or lends: then the bytes count as written once the reader
  /// has taken them, and are passed again until then. Publishes large copies piece
  /// by piece, so that the reader starts early.
  size_t write(std::span<const std::byte> bytes);
  /// Copies what fits; not for what was passed to write() before.
  size_t copy(std::span<const std::byte> bytes);
  /// The reader accepts nothing of a loan from now on. Callable from any thread.
  void withdraw() { control_->withdrawn.store(1, std::memory_order_seq_cst); }
  /// Whether the reader sleeps and there is news for it; takes its flag down.
  bool reader_must_wake();
  /// Before sleeping. False: there is something to do, do not sleep.
  bool announce_sleep();
  void cancel_sleep() { control_->writer_sleeps.store(0, std::memory_order_relaxed); }

 private:
  void lend(std::span<const std::byte> bytes);
  size_t settle();
  void publish();

  RingControl* control_;
  std::byte* data_;
  size_t capacity_;
  uint64_t written_ = 0;
  uint64_t consumed_seen_ = 0;
  uint64_t loan_ = 0;  // bytes of the loan under way
  bool news_ = false;  // published since the reader was last woken
};

class RingReader {
 public:
  RingReader(RingControl* control, const std::byte* data, size_t capacity)
      : control_(control), data_(data), capacity_(capacity) {}

  /// Loans are welcome: the writer is in that process, whose memory we can read.
  void accept_loans_from(pid_t process);

  size_t read(std::span<std::byte> bytes);
  /// Whether the writer sleeps and there is news for it; takes its flag down.
  bool writer_must_wake();
  /// Before sleeping. False: there is something to read, do not sleep.
  bool announce_sleep();
  void cancel_sleep() { control_->reader_sleeps.store(0, std::memory_order_relaxed); }

 private:
  bool something_there();
  size_t copy(std::span<std::byte> bytes);
  size_t borrow(std::span<std::byte> bytes);
  void refuse();
  void consume(size_t bytes);

  RingControl* control_;
  const std::byte* data_;
  size_t capacity_;
  pid_t lender_ = 0;
  uint64_t consumed_ = 0;
  uint64_t lent_ = 0;          // what we know of is in the ring up to here,
  uint64_t written_seen_ = 0;  // and lent from there to here
  bool refused_ = false;       // the writer may not have taken the loan back yet
  bool withdrawn_ = false;
  bool news_ = false;  // of interest to a writer that sleeps
};

}  // namespace mlx::core::distributed
