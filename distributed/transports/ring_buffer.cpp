#include "mlx/distributed/transports/ring_buffer.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace mlx::core::distributed {
namespace {

// Published at a time: small enough that the two ends work side by side within
// the second-level cache, large enough that the indices cost nothing.
constexpr size_t kPiece = 32 * 1024;

// From here on a system call costs less than the second copy.
constexpr size_t kLendFrom = 8 * 1024;

// Beyond, two copies that run side by side on two cores beat one.
constexpr size_t kLendUpTo = 2 * 1024 * 1024;

// Read at a time, so that a loan that is withdrawn is noticed soon.
constexpr size_t kLoanPiece = 1024 * 1024;

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
  if (loan_ > 0) return settle();
  if (bytes.size() < kLendFrom || bytes.size() > kLendUpTo ||
      control_->welcome.load(std::memory_order_relaxed) == 0) {
    return copy(bytes);
  }
  lend(bytes);
  return 0;
}

size_t RingWriter::copy(std::span<const std::byte> bytes) {
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
    publish();
  }
  return done;
}

void RingWriter::lend(std::span<const std::byte> bytes) {
  control_->address.store(reinterpret_cast<uintptr_t>(bytes.data()), std::memory_order_relaxed);
  control_->lent.store(written_, std::memory_order_release);
  loan_ = bytes.size();
  written_ += loan_;
  publish();
}

// What the reader has taken of the loan; 0 while it is under way.
size_t RingWriter::settle() {
  const bool refused = control_->refused.load(std::memory_order_acquire) != 0;
  consumed_seen_ = control_->consumed.load(std::memory_order_acquire);
  if (!refused && consumed_seen_ != written_) return 0;
  const uint64_t begin = written_ - std::exchange(loan_, 0);
  if (refused) {
    // The stream goes on where the reader is, through the ring.
    written_ = consumed_seen_;
    control_->lent.store(~uint64_t{0}, std::memory_order_relaxed);
    publish();
    control_->refused.store(0, std::memory_order_release);
  }
  return static_cast<size_t>(written_ - begin);
}

void RingWriter::publish() {
  control_->written.store(written_, std::memory_order_release);
  news_ = true;
}

bool RingWriter::reader_must_wake() {
  return std::exchange(news_, false) && take_flag(control_->reader_sleeps);
}

bool RingWriter::announce_sleep() {
  raise_flag(control_->writer_sleeps);
  if (loan_ > 0 && control_->refused.load(std::memory_order_acquire) != 0) return false;
  consumed_seen_ = control_->consumed.load(std::memory_order_acquire);
  return loan_ > 0 ? consumed_seen_ != written_ : written_ - consumed_seen_ == capacity_;
}

void RingReader::accept_loans_from(pid_t process) {
  lender_ = process;
  control_->welcome.store(1, std::memory_order_relaxed);
}

size_t RingReader::read(std::span<std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size() && something_there()) {
    const auto rest = bytes.subspan(done);
    const size_t n = consumed_ < lent_ ? copy(rest) : borrow(rest);
    if (n == 0) break;
    done += n;
  }
  return done;
}

bool RingReader::something_there() {
  if (consumed_ != written_seen_) return !withdrawn_;
  if (refused_ && control_->refused.load(std::memory_order_acquire) != 0) return false;
  refused_ = false;
  written_seen_ = control_->written.load(std::memory_order_acquire);
  // An older loan begins before, and one that we see too early behind.
  const uint64_t lent = control_->lent.load(std::memory_order_acquire);
  lent_ = lent >= consumed_ && lent < written_seen_ ? lent : written_seen_;
  return consumed_ != written_seen_;
}

size_t RingReader::copy(std::span<std::byte> bytes) {
  const size_t at = static_cast<size_t>(consumed_) & (capacity_ - 1);
  const size_t there = static_cast<size_t>(lent_ - consumed_);
  const size_t n = std::min({bytes.size(), there, capacity_ - at, kPiece});
  std::memcpy(bytes.data(), data_ + at, n);
  consume(n);
  news_ = true;
  return n;
}

size_t RingReader::borrow(std::span<std::byte> bytes) {
  const size_t there = static_cast<size_t>(written_seen_ - consumed_);
  const uint64_t address = control_->address.load(std::memory_order_relaxed) + consumed_ - lent_;
  const iovec to{bytes.data(), std::min({bytes.size(), there, kLoanPiece})};
  const iovec from{reinterpret_cast<void*>(static_cast<uintptr_t>(address)), to.iov_len};
  const ssize_t n = process_vm_readv(lender_, &to, 1, &from, 1, 0);
  // What we have read counts only if the writer had not withdrawn it by then.
  std::atomic_thread_fence(std::memory_order_acquire);
  withdrawn_ = control_->withdrawn.load(std::memory_order_relaxed) != 0;
  if (withdrawn_) return 0;
  if (n <= 0) {
    refuse();
    return 0;
  }
  consume(static_cast<size_t>(n));
  if (consumed_ == written_seen_) news_ = true;
  return static_cast<size_t>(n);
}

// The writer copies the rest, if it still lives; the doorbell tells if it does not.
void RingReader::refuse() {
  control_->welcome.store(0, std::memory_order_relaxed);
  control_->refused.store(1, std::memory_order_release);
  lent_ = written_seen_ = consumed_;
  refused_ = true;
  news_ = true;
}

void RingReader::consume(size_t bytes) {
  consumed_ += bytes;
  control_->consumed.store(consumed_, std::memory_order_release);
}

bool RingReader::writer_must_wake() {
  return std::exchange(news_, false) && take_flag(control_->writer_sleeps);
}

bool RingReader::announce_sleep() {
  raise_flag(control_->reader_sleeps);
  return !something_there();
}

}  // namespace mlx::core::distributed
