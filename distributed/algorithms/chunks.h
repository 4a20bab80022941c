#pragma once

// How the algorithms cut data up. A chunk is the part of the data that one rank
// is responsible for; a segment is the part of a chunk that moves at a time, so
// that one is reduced while the next is on the wire.

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace mlx::core::distributed {

constexpr size_t kSegmentBytes = 256 * 1024;

/// Cuts data into one chunk a rank.
class Chunks {
 public:
  /// Whole values, sizes alike up to one value.
  Chunks(size_t bytes, size_t width, int ranks) : offsets_(static_cast<size_t>(ranks) + 1) {
    const size_t count = bytes / width, chunks = static_cast<size_t>(ranks);
    for (size_t i = 0; i <= chunks; ++i) {
      // The first count % chunks have one value more.
      offsets_[i] = (i * (count / chunks) + std::min(i, count % chunks)) * width;
    }
  }
  /// The bytes of each, one after the other.
  explicit Chunks(std::span<const size_t> parts) : offsets_(parts.size() + 1) {
    for (size_t i = 0; i < parts.size(); ++i) offsets_[i + 1] = offsets_[i] + parts[i];
  }

  /// Any index: it wraps around the ranks.
  size_t begin(int index) const { return offsets_[wrap(index)]; }
  size_t size(int index) const { return offsets_[wrap(index) + 1] - offsets_[wrap(index)]; }

  /// The bytes of each.
  std::vector<size_t> parts() const {
    std::vector<size_t> sizes;
    for (size_t i = 1; i < offsets_.size(); ++i) sizes.push_back(offsets_[i] - offsets_[i - 1]);
    return sizes;
  }

  template <typename Byte>
  std::span<Byte> of(std::span<Byte> data, int index) const {
    return data.subspan(begin(index), size(index));
  }

 private:
  size_t wrap(int index) const {
    const int ranks = static_cast<int>(offsets_.size()) - 1;
    return static_cast<size_t>(((index % ranks) + ranks) % ranks);
  }

  std::vector<size_t> offsets_;
};

/// The ranks' parts of `bytes`: as given, or equal ones.
inline Chunks chunks_of_parts(size_t bytes, int ranks, std::span<const size_t> parts) {
  const size_t equal = std::max<size_t>(bytes / static_cast<size_t>(ranks), 1);
  return parts.empty() ? Chunks(bytes, equal, ranks) : Chunks(parts);
}

inline size_t segments_of(size_t bytes) { return (bytes + kSegmentBytes - 1) / kSegmentBytes; }

template <typename Byte>
std::span<Byte> segment_of(std::span<Byte> data, size_t index) {
  const size_t begin = std::min(index * kSegmentBytes, data.size());
  return data.subspan(begin, std::min(kSegmentBytes, data.size() - begin));
}

/// Rounded up so that any dtype is aligned behind it.
inline size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Copies unless both are the same memory.
inline void copy_bytes(std::span<std::byte> to, std::span<const std::byte> from) {
  if (to.data() != from.data()) std::copy(from.begin(), from.end(), to.begin());
}

}  // namespace mlx::core::distributed
