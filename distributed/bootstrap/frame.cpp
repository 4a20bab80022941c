#include "mlx/distributed/bootstrap/frame.h"

#include <cstring>

namespace mlx::core::distributed {
namespace {

struct FrameHeader {
  uint32_t key_bytes;
  uint32_t value_bytes;
  uint32_t type;
};

struct FailureHeader {
  uint32_t kind;
  uint32_t group;
  int32_t rank;
  int32_t reporter;
};

struct SilenceHeader {
  uint32_t group;
  int32_t waiting;
  int32_t silent;
  uint32_t reserved;
  uint64_t received;
};

// Nothing that we say comes near this.
constexpr uint32_t kMostBytes = 1 << 20;

void append_bytes(std::vector<std::byte>& out, const void* data, size_t bytes) {
  const auto* first = static_cast<const std::byte*>(data);
  out.insert(out.end(), first, first + bytes);
}

}  // namespace

Frame to_frame(const Failure& f) {
  const FailureHeader header{static_cast<uint32_t>(f.kind), f.group, f.rank, f.reporter};
  return {Frame::Type::failure, std::string(reinterpret_cast<const char*>(&header), sizeof header),
          f.text};
}

std::optional<Failure> to_failure(const Frame& frame) {
  FailureHeader h;
  if (frame.key.size() != sizeof h) return std::nullopt;
  std::memcpy(&h, frame.key.data(), sizeof h);
  if (h.kind > static_cast<uint32_t>(Failure::Kind::aborted)) return std::nullopt;
  return Failure{static_cast<Failure::Kind>(h.kind), h.group, h.rank, h.reporter, frame.value};
}

Frame to_frame(const Silence& s) {
  const SilenceHeader h{s.group, s.waiting, s.silent, 0, s.received};
  return {Frame::Type::silence, std::string(reinterpret_cast<const char*>(&h), sizeof h), {}};
}

std::optional<Silence> to_silence(const Frame& frame) {
  SilenceHeader h;
  if (frame.key.size() != sizeof h) return std::nullopt;
  std::memcpy(&h, frame.key.data(), sizeof h);
  return Silence{h.group, h.waiting, h.silent, h.received};
}

void FrameStream::put(const Frame& frame) {
  const FrameHeader header{static_cast<uint32_t>(frame.key.size()),
                           static_cast<uint32_t>(frame.value.size()),
                           static_cast<uint32_t>(frame.type)};
  append_bytes(out_, &header, sizeof header);
  append_bytes(out_, frame.key.data(), frame.key.size());
  append_bytes(out_, frame.value.data(), frame.value.size());
  if (!flush()) broken_ = true;
}

bool FrameStream::flush() {
  while (!out_.empty()) {
    const auto sent = send_some(socket_.fd(), out_);
    if (!sent) return false;
    if (*sent == 0) break;
    out_.erase(out_.begin(), out_.begin() + static_cast<ptrdiff_t>(*sent));
  }
  return true;
}

bool FrameStream::fill() {
  std::byte buffer[4096];
  // The rest stays with the kernel until the caller has taken what is here.
  while (in_.size() <= sizeof(FrameHeader) + 2 * kMostBytes) {
    const auto got = receive_some(socket_.fd(), buffer);
    if (!got) return false;
    if (*got == 0) return true;
    append_bytes(in_, buffer, *got);
  }
  return true;
}

bool FrameStream::exchange() {
  const bool alive = fill() && flush();
  return alive && !broken_;
}

std::optional<Frame> FrameStream::take() {
  FrameHeader h;
  if (in_.size() < sizeof h) return std::nullopt;
  std::memcpy(&h, in_.data(), sizeof h);
  if (h.key_bytes > kMostBytes || h.value_bytes > kMostBytes ||
      h.type > static_cast<uint32_t>(Frame::Type::leave)) {
    broken_ = true;
    in_.clear();
    return std::nullopt;
  }
  const size_t total = sizeof h + h.key_bytes + h.value_bytes;
  if (in_.size() < total) return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(in_.data()) + sizeof h;
  Frame frame{static_cast<Frame::Type>(h.type), std::string(text, h.key_bytes),
              std::string(text + h.key_bytes, h.value_bytes)};
  in_.erase(in_.begin(), in_.begin() + static_cast<ptrdiff_t>(total));
  return frame;
}

}  // namespace mlx::core::distributed
