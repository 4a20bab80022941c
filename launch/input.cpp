#include "mlx/launch/input.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace mlx::launch {
namespace {

constexpr size_t kBlock = 64 << 10;
constexpr size_t kAhead = 4 * kBlock;  // read no further ahead of the fastest rank

/// A terminal belongs to the job in the foreground; reading it from the
/// background would stop us.
bool may_read(int fd) { return !isatty(fd) || tcgetpgrp(fd) == getpgrp(); }

}  // namespace

void Input::add(Descriptor rank) {
  set_nonblocking(rank);
  readers_.push_back({std::move(rank)});
}

void Input::close() {
  ended_ = true;
  readers_.clear();
  blocks_.clear();
}

bool Input::wanted() const {
  if (ended_ || readers_.empty() || !may_read(source_)) return false;
  return std::any_of(readers_.begin(), readers_.end(),
                     [&](const Reader& r) { return end_ - r.at < kAhead; });
}

void Input::watch(Poller& poller) {
  std::erase_if(readers_, [&](const Reader& r) { return !r.pipe || (ended_ && r.at == end_); });
  if (wanted()) poller.watch(source_, POLLIN, [this] { read_some(); });
  for (Reader& reader : readers_) {
    // Without events of interest poll still tells that nobody reads any more.
    const short events = reader.at < end_ ? POLLOUT : 0;
    poller.watch(reader.pipe.fd(), events, [this, &reader] { feed(reader); });
  }
}

void Input::read_some() {
  if (blocks_.empty() || blocks_.back().size() == kBlock) blocks_.emplace_back();
  std::string& block = blocks_.back();
  const size_t size = block.size();
  block.resize(kBlock);
  const ssize_t n = read(source_, block.data() + size, kBlock - size);
  block.resize(size + static_cast<size_t>(std::max<ssize_t>(n, 0)));
  end_ += block.size() - size;
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) ended_ = true;
}

void Input::feed(Reader& reader) {
  while (reader.at < end_) {
    const size_t offset = reader.at - begin_;
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
  forget_what_all_have();
}

void Input::forget_what_all_have() {
  size_t least = end_;
  for (const Reader& r : readers_) {
    if (r.pipe) least = std::min(least, r.at);
  }
  while (!blocks_.empty() && blocks_.front().size() == kBlock && begin_ + kBlock <= least) {
    blocks_.pop_front();
    begin_ += kBlock;
  }
}

}  // namespace mlx::launch
