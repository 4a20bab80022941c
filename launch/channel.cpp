#include "mlx/launch/channel.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace mlx::launch {
namespace {

// Moving the rest to the front costs as much as what was sent before it.
constexpr size_t kWorthMoving = size_t{1} << 20;
// Fewer turns for much output. Where the system does not allow it, or there is no pipe: as it is.
constexpr int kPipeBytes = 1 << 20;

}  // namespace

Channel::Channel(Descriptor in, Descriptor out, FrameReader::Begin begin)
    : in_(std::move(in)), out_(std::move(out)), reader_(begin) {
  for (const Descriptor* pipe : {&in_, &out_}) {
    set_nonblocking(*pipe);
    fcntl(pipe->fd(), F_SETPIPE_SZ, kPipeBytes);
  }
}

void Channel::watch(Poller& poller, const Handler& handler) {
  if (!ended_) poller.watch(in_.fd(), POLLIN, [this, handler] { read_some(handler); });
  if (out_ && unsent() > 0) poller.watch(out_.fd(), POLLOUT, [this] { write_some(); });
}

void Channel::send(FrameType type, std::string_view payload) {
  append_frame(unsent_, type, payload);
  write_some();
}

void Channel::send_output(const OutputHeader& header, std::string_view bytes) {
  std::string payload = to_payload(header);
  payload += bytes;
  send(FrameType::output, payload);
}

void Channel::send_raw(std::string_view bytes) {
  unsent_ += bytes;
  write_some();
}

void Channel::close_output() {
  out_.close();
  unsent_.clear();
  sent_ = 0;
}

void Channel::read_some(const Handler& handler) {
  const std::span<char> room = reader_.room();
  const ssize_t n = read(in_.fd(), room.data(), room.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    ended_ = true;
    return;
  }
  heard_ = Clock::now();
  reader_.filled(static_cast<size_t>(n));
  try {
    while (const auto frame = reader_.next()) handler(*frame);
  } catch (const ProtocolError& error) {
    ended_ = true;
    error_ = error.what();
  }
}

void Channel::write_some() {
  while (out_ && unsent() > 0) {
    const ssize_t n = write(out_.fd(), unsent_.data() + sent_, unsent());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {  // what is in the other pipe still is to be read: its end tells
      close_output();
      return;
    }
    sent_ += static_cast<size_t>(n);
  }
  if (sent_ == unsent_.size() || sent_ > kWorthMoving) {
    unsent_.erase(0, sent_);
    sent_ = 0;
  }
}

}  // namespace mlx::launch
