#include "mlx/launch/input.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace mlx::launch {
namespace {

constexpr size_t kBlock = 64 << 10;

}  // namespace

void Input::add(Descriptor rank) {
  set_nonblocking(rank);
  readers_.push_back({std::move(rank)});
}

void Input::take(std::string_view bytes) {
  end_ += bytes.size();
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().size() == kBlock) blocks_.emplace_back();
    std::string& block = blocks_.back();
    const std::string_view part = bytes.substr(0, kBlock - block.size());
    block += part;
    bytes.remove_prefix(part.size());
  }
}

// Not cleared: this turn of the loop may still refer to readers.
void Input::close() {
  ended_ = true;
  for (Reader& reader : readers_) reader.pipe.close();
}

void Input::watch(Poller& poller) {
  std::erase_if(readers_, [&](const Reader& r) { return !r.pipe || (ended_ && r.at == end_); });
  for (Reader& reader : readers_) {
    // Without events of interest poll still tells that nobody reads any more.
    const short events = reader.at < end_ ? POLLOUT : 0;
    poller.watch(reader.pipe.fd(), events, [this, &reader] { feed(reader); });
  }
}

void Input::feed(Reader& reader) {
  if (!reader.pipe) return;
  while (reader.at < end_) {
    const uint64_t offset = reader.at - begin_;
    const std::string& block = blocks_[offset / kBlock];
    const size_t start = offset % kBlock;
    const ssize_t n = write(reader.pipe.fd(), block.data() + start, block.size() - start);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0 && errno != EINTR) {
      reader.pipe.close();  // it has ended or closed its standard input
      break;
    }
    if (n > 0) reader.at += static_cast<size_t>(n);
  }
  if (reader.at == end_ && reader.pipe) {
    pollfd state{reader.pipe.fd(), 0, 0};
    if (poll(&state, 1, 0) > 0 && (state.revents & (POLLERR | POLLNVAL))) reader.pipe.close();
  }
  taken_ = std::max(taken_, reader.at);
  forget_what_all_have();
}

void Input::forget_what_all_have() {
  uint64_t least = end_;
  for (const Reader& r : readers_) {
    if (r.pipe) least = std::min(least, r.at);
  }
  while (!blocks_.empty() && blocks_.front().size() == kBlock && begin_ + kBlock <= least) {
    blocks_.pop_front();
    begin_ += kBlock;
  }
}

}  // namespace mlx::launch
