#include "mlx/distributed/transports/rdma/stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mlx::core::distributed::rdma {
namespace {

constexpr size_t kLarge = 32 * 1024;  // from here on, a write is announced

size_t take(std::span<const std::byte>& from, std::span<std::byte> to) {
  const size_t n = std::min(from.size(), to.size());
  std::memcpy(to.data(), from.data(), n);
  from = from.subspan(n);
  return n;
}

}  // namespace

size_t Writer::write(std::span<const std::byte> bytes) {
  if (piece_ > 0) return finish_piece();
  if (announced_ == 0 && bytes.size() < kLarge) return gather(bytes);
  if (announced_ == 0) {
    if (!open_slot()) return 0;
    gathered_.announced = announced_ = bytes.size();
    flush();
  }
  return start_piece(bytes) ? finish_piece() : 0;
}

bool Writer::flush() {
  if (!gathering_) return true;
  if (!messenger_.has_credit(Purpose::data)) return false;
  gathering_ = false;
  messenger_.post(slot_, gathered_);
  return true;
}

// A slot to gather in that is not full, with a credit to send it.
bool Writer::open_slot() {
  if (gathered_.payload == kPayload && !flush()) return false;
  if (gathering_) return messenger_.has_credit(Purpose::data);
  if (!messenger_.may_send(Purpose::data)) return false;
  slot_ = messenger_.take_slot();
  gathering_ = true;
  gathered_ = {};
  return true;
}

size_t Writer::gather(std::span<const std::byte> bytes) {
  if (!open_slot()) return 0;
  const size_t n = std::min(bytes.size(), kPayload - gathered_.payload);
  std::memcpy(messenger_.payload_of(slot_) + gathered_.payload, bytes.data(), n);
  gathered_.payload += static_cast<uint32_t>(n);
  return n;
}

bool Writer::window_opened(const RemotePiece& place, uint64_t bytes) {
  if (window_bytes_ > 0 || bytes > announced_ - piece_) return false;
  window_ = place;
  window_bytes_ = bytes;
  return true;
}

bool Writer::start_piece(std::span<const std::byte> bytes) {
  QueuePair& pair = messenger_.pair();
  size_t n = std::min({bytes.size(), window_bytes_, pair.most_bytes()});
  if (n == 0 || !messenger_.has_credit(Purpose::window)) return false;
  source_ = pair.device().registrations().around(bytes.data(), n, Registrations::Use::to_read);
  Piece from{bytes.data(), n, 0};
  if (source_) {
    from.local_key = source_->local_key();
  } else {
    n = std::min(n, kStagingBytes);
    std::byte* staging = messenger_.buffers().out_staging();
    std::memcpy(staging, bytes.data(), n);
    from = messenger_.buffers().piece(staging, n);
  }
  piece_ = n;
  piece_written_ = false;
  messenger_.write(from, window_, n == window_bytes_);
  window_.address += n;
  window_bytes_ -= n;
  return true;
}

// The bytes that have been brought there; 0 while they are under way.
size_t Writer::finish_piece() {
  if (!piece_written_) return 0;
  source_.reset();
  announced_ -= piece_;
  return std::exchange(piece_, 0);
}

void Reader::message_came(const Message& message, uint32_t slot) {
  arrived_.push_back(
      {slot, {messenger_.arrived_payload(slot), message.payload}, message.announced});
}

bool Reader::window_filled() {
  if (window_ == 0 || filled_) return false;
  filled_ = true;
  return true;
}

size_t Reader::read(std::span<std::byte> bytes) {
  while (true) {
    if (!staged_.empty()) return take(staged_, bytes);
    if (incoming_ > 0) return read_window(bytes);
    if (arrived_.empty()) return 0;
    if (const size_t n = read_message(bytes); n > 0) return n;
  }
}

// 0: it was an announcement only.
size_t Reader::read_message(std::span<std::byte> bytes) {
  Arrived& first = arrived_.front();
  const size_t n = take(first.payload, bytes);
  if (!first.payload.empty()) return n;
  incoming_ = first.announced;
  messenger_.release(first.slot);
  arrived_.pop_front();
  return n;
}

// Announced bytes: opens a window for them, or takes what has come by it.
size_t Reader::read_window(std::span<std::byte> bytes) {
  if (window_ == 0) open_window(bytes);
  if (!filled_) return 0;
  filled_ = false;
  const size_t n = std::exchange(window_, 0);
  incoming_ -= n;
  if (target_) {
    target_.reset();
    return n;
  }
  staged_ = {messenger_.buffers().in_staging(), n};
  return take(staged_, bytes);
}

void Reader::open_window(std::span<std::byte> bytes) {
  if (!messenger_.may_send(Purpose::window)) return;
  QueuePair& pair = messenger_.pair();
  const size_t n = std::min<size_t>({bytes.size(), incoming_, pair.most_bytes()});
  if (n >= kLarge) {
    target_ = pair.device().registrations().around(bytes.data(), n, Registrations::Use::to_write);
  }
  Buffers& buffers = messenger_.buffers();
  window_ = target_ ? n : std::min<size_t>(incoming_, kStagingBytes);
  Message message;
  message.window = reinterpret_cast<uintptr_t>(target_ ? bytes.data() : buffers.in_staging());
  message.window_bytes = window_;
  message.window_key = target_ ? target_->remote_key() : buffers.remote_key();
  messenger_.post(message);
}

}  // namespace mlx::core::distributed::rdma
