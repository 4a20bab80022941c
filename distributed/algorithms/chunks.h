#pragma once

// How the algorithms cut data up. A chunk is the part of the data that one rank
// is responsible for; a segment is the part of a chunk that moves at a time, so
// that one is reduced while the next is on the wire.

#include <algorithm>
#include <cstddef>
#include <span>

namespace mlx::core::distributed {

constexpr size_t kSegmentBytes = 256 * 1024;

/// Cuts `bytes` into one chunk a rank: whole values, sizes alike up to one value.
class Chunks {
 public:
  Chunks(size_t bytes, size_t width, int ranks)
      : count_(bytes / width), width_(width), ranks_(static_cast<size_t>(ranks)) {}

  /// Any index: it wraps around the ranks.
  size_t begin(int index) const { return offset(wrap(index)); }
  size_t size(int index) const { return offset(wrap(index) + 1) - offset(wrap(index)); }

  template <typename Byte>
  std::span<Byte> of(std::span<Byte> data, int index) const {
    return data.subspan(begin(index), size(index));
  }

 private:
  size_t wrap(int index) const {
    const int ranks = static_cast<int>(ranks_);
    return static_cast<size_t>(((index % ranks) + ranks) % ranks);
  }
  size_t offset(size_t index) const {
    const size_t longer = count_ % ranks_;  // so many chunks have one value more
    return (index * (count_ / ranks_) + std::min(index, longer)) * width_;
  }

  size_t count_;
  size_t width_;
  size_t ranks_;
};

inline size_t segments_of(size_t bytes) { return (bytes + kSegmentBytes - 1) / kSegmentBytes; }

template <typename Byte>
std::span<Byte> segment_of(std::span<Byte> data, size_t index) {
  const size_t begin = std::min(index * kSegmentBytes, data.size());
  return data.subspan(begin, std::min(kSegmentBytes, data.size() - begin));
}

/// Copies unless both are the same memory.
inline void copy_bytes(std::span<std::byte> to, std::span<const std::byte> from) {
  if (to.data() != from.data()) std::copy(from.begin(), from.end(), to.begin());
}

}  // namespace mlx::core::distributed
