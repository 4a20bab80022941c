#include "mlx/core/cpu/sort_keys.h"

#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <bit>

#include "mlx/core/cpu/parallel.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kVectorFrom = 32;  // below, a plain sort starts sooner
constexpr int64_t kGrain = 1 << 15;  // keys that one thread should have at least

template <typename Key>
void sort_piece(Key* keys, int64_t n) {
  if (n < kVectorFrom) {
    std::sort(keys, keys + n);
  } else {
    hwy::Sorter()(keys, static_cast<size_t>(n), hwy::SortAscending());
  }
}

template <typename Key>
struct Sorted {
  const Key* keys;
  int64_t size;
};

// How many of the `count` smallest keys of both are in `a`.
template <typename Key>
int64_t share_of(Sorted<Key> a, Sorted<Key> b, int64_t count) {
  int64_t low = std::max<int64_t>(0, count - b.size);
  int64_t high = std::min(count, a.size);
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (a.keys[middle] < b.keys[count - middle - 1]) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Without branches on keys, which nothing could predict.
template <typename Key>
void merge(const Key* a, const Key* a_end, const Key* b, const Key* b_end, Key* out) {
  while (a != a_end && b != b_end) {
    const bool second = *b < *a;
    *out++ = *(second ? b : a);
    b += second;
    a += !second;
  }
  std::copy(b, b_end, std::copy(a, a_end, out));
}

// Merges neighbours: `pieces` sorted pieces of `from` become half as many in `to`.
template <typename Key>
void merge_pairs(const Key* from, Key* to, int64_t n, int64_t pieces) {
  const int64_t shares = thread_count();  // of each merge
  const auto merge_share = [=](int64_t pair, int64_t share) {
    const auto bound = [=](int64_t piece) { return n * piece / pieces; };
    const int64_t begin = bound(2 * pair), middle = bound(2 * pair + 1), end = bound(2 * pair + 2);
    const Sorted<Key> a{from + begin, middle - begin}, b{from + middle, end - middle};
    const int64_t first = (end - begin) * share / shares,
                  last = (end - begin) * (share + 1) / shares;
    const int64_t a_first = share_of(a, b, first), a_last = share_of(a, b, last);
    merge(a.keys + a_first, a.keys + a_last, b.keys + (first - a_first), b.keys + (last - a_last),
          to + begin + first);
  };
  parallel_for(pieces / 2 * shares, 1, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      merge_share(unit / shares, unit % shares);
    }
  });
}

template <typename Key>
Key* sort(Key* keys, Key* scratch, int64_t n) {
  const int64_t threads = std::min<int64_t>(thread_count(), n / kGrain);
  auto pieces =
      static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(1, threads))));
  parallel_for(pieces, 1, [=](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t first = n * piece / pieces;
      sort_piece(keys + first, n * (piece + 1) / pieces - first);
    }
  });
  for (; pieces > 1; pieces /= 2) {
    merge_pairs(keys, scratch, n, pieces);
    std::swap(keys, scratch);
  }
  return keys;
}

}  // namespace

uint16_t* sort_keys(uint16_t* keys, uint16_t* scratch, int64_t n) { return sort(keys, scratch, n); }
uint32_t* sort_keys(uint32_t* keys, uint32_t* scratch, int64_t n) { return sort(keys, scratch, n); }
uint64_t* sort_keys(uint64_t* keys, uint64_t* scratch, int64_t n) { return sort(keys, scratch, n); }
WideKey* sort_keys(WideKey* keys, WideKey* scratch, int64_t n) { return sort(keys, scratch, n); }

}  // namespace mlx::core::cpu
