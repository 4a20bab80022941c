#include "mlx/distributed/transports/ring_buffer.h"

#include <algorithm>
#include <cstring>

namespace mlx::core::distributed {
namespace {

// Published at a time: small enough that the two ends work side by side within
// the second-level cache, large enough that the indices cost nothing.
constexpr size_t kPiece = 32 * 1024;

// Takes the flag down and says whether it was up. The fence orders our index,
// published before, and the other end's flag.
bool take_flag(std::atomic<uint32_t>& flag) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return flag.load(std::memory_order_relaxed) != 0 &&
         flag.exchange(0, std::memory_order_relaxed) != 0;
}

void raise_flag(std::atomic<uint32_t>& flag) {
  flag.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace

size_t RingWriter::write(std::span<const std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    size_t room = capacity_ - static_cast<size_t>(written_ - consumed_seen_);
    if (room < std::min(kPiece, bytes.size() - done)) {
      consumed_seen_ = control_->consumed.load(std::memory_order_acquire);
      room = capacity_ - static_cast<size_t>(written_ - consumed_seen_);
      if (room == 0) break;
    }
    const size_t at = static_cast<size_t>(written_) & (capacity_ - 1);
    const size_t n = std::min({bytes.size() - done, room, capacity_ - at, kPiece});
    std::memcpy(data_ + at, bytes.data() + done, n);
    written_ += n;
    done += n;
    control_->written.store(written_, std::memory_order_release);
  }
  return done;
}

bool RingWriter::reader_must_wake() { return take_flag(control_->reader_sleeps); }

bool RingWriter::announce_sleep() {
  raise_flag(control_->writer_sleeps);
  consumed_seen_ = control_->consumed.load(std::memory_order_acquire);
  return written_ - consumed_seen_ == capacity_;
}

size_t RingReader::read(std::span<std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    size_t there = static_cast<size_t>(written_seen_ - consumed_);
    if (there == 0) {
      written_seen_ = control_->written.load(std::memory_order_acquire);
      there = static_cast<size_t>(written_seen_ - consumed_);
      if (there == 0) break;
    }
    const size_t at = static_cast<size_t>(consumed_) & (capacity_ - 1);
    const size_t n = std::min({bytes.size() - done, there, capacity_ - at, kPiece});
    std::memcpy(bytes.data() + done, data_ + at, n);
    consumed_ += n;
    done += n;
    control_->consumed.store(consumed_, std::memory_order_release);
  }
  return done;
}

bool RingReader::writer_must_wake() { return take_flag(control_->writer_sleeps); }

bool RingReader::announce_sleep() {
  raise_flag(control_->reader_sleeps);
  written_seen_ = control_->written.load(std::memory_order_acquire);
  return written_seen_ == consumed_;
}

}  // namespace mlx::core::distributed
