#include "mlx/core/cpu/sort_keys.h"

#include <hwy/contrib/sort/vqsort.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "mlx/core/cpu/parallel.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kVectorFrom = 32;      // below, a plain sort starts sooner
constexpr int64_t kKeysGrain = 1 << 15;  // keys that one thread should have at least

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
  const int64_t threads = std::min<int64_t>(thread_count(), n / kKeysGrain);
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

// ---- selection: with two pivots from a sample. Nearly all keys are below or
// above both, in one pass without branches, and the few between are sorted.

constexpr int64_t kSortBelow = 256;  // shorter lines are sorted
constexpr int64_t kSample = 1024;    // at most

template <typename Key>
struct Pivots {
  Key low, high;
};

// Pivots between which the kth key lies, unless the sample is a bad one.
template <typename Key>
Pivots<Key> choose_pivots(const Key* keys, int64_t n, int64_t kth) {
  const int64_t size = std::min(kSample, n / 8);
  std::array<Key, 2 * kSample> sample;
  for (int64_t i = 0; i < size; ++i) {
    sample[static_cast<size_t>(i)] = keys[n * i / size];
  }
  const Key* sorted = sort(sample.data(), sample.data() + kSample, size);
  const int64_t rank = kth * size / n;
  const auto margin = static_cast<int64_t>(1.5 * std::sqrt(static_cast<double>(size)));
  return {sorted[std::max<int64_t>(0, rank - margin)], sorted[std::min(size - 1, rank + margin)]};
}

// Keys below, between and above the pivots.
using Counts = std::array<int64_t, 3>;

template <typename Key>
Counts count(const Key* keys, int64_t n, const Pivots<Key>& pivots) {
  int64_t below = 0, above = 0;
  for (int64_t i = 0; i < n; ++i) {
    below += keys[i] < pivots.low;
    above += pivots.high < keys[i];
  }
  return {below, n - below - above, above};
}

// Writes each key where the next of its kind goes, without branches.
template <typename Key>
void split(const Key* keys, int64_t n, const Pivots<Key>& pivots, Key* out, Counts at) {
  Key *low = out + at[0], *middle = out + at[1], *high = out + at[2];
  for (int64_t i = 0; i < n; ++i) {
    const Key key = keys[i];
    const bool below = key < pivots.low;
    const bool above = pivots.high < key;
    Key* to = above ? high : middle;
    to = below ? low : to;
    *to = key;
    low += below;
    high += above;
    middle += !(below | above);
  }
}

// All keys below the pivots, then those between, then those above, each in their
// order. Returns how many each are.
template <typename Key>
Counts split_all(const Key* keys, int64_t n, const Pivots<Key>& pivots, Key* out) {
  const int64_t pieces = std::clamp<int64_t>(n / kKeysGrain, 1, thread_count());
  std::vector<Counts> at(static_cast<size_t>(pieces));
  const auto for_each_piece = [&](auto work) {
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = n * i / pieces;
        work(keys + first, n * (i + 1) / pieces - first, at[static_cast<size_t>(i)]);
      }
    });
  };
  for_each_piece(
      [&](const Key* piece, int64_t size, Counts& counts) { counts = count(piece, size, pivots); });
  Counts totals{};
  int64_t position = 0;
  for (size_t part = 0; part < totals.size(); ++part) {
    for (Counts& counts : at) {
      totals[part] += counts[part];
      position += std::exchange(counts[part], position);
    }
  }
  for_each_piece([&](const Key* piece, int64_t size, const Counts& counts) {
    split(piece, size, pivots, out, counts);
  });
  return totals;
}

template <typename Key>
Key* select(Key* keys, Key* scratch, int64_t n, int64_t kth) {
  if (n < kSortBelow) {
    return sort(keys, scratch, n);
  }
  const auto [below, between, above] = split_all(keys, n, choose_pivots(keys, n, kth), scratch);
  Key* middle = scratch + below;
  if (kth >= below && kth < below + between) {
    const Key* sorted = sort(middle, keys, between);
    if (sorted != middle) {
      std::copy_n(sorted, between, middle);
    }
  } else if (kth < below) {  // the sample was a bad one
    std::nth_element(scratch, scratch + kth, middle);
  } else {
    std::nth_element(middle + between, scratch + kth, scratch + n);
  }
  return scratch;
}

}  // namespace

uint16_t* sort_keys(uint16_t* keys, uint16_t* scratch, int64_t n) { return sort(keys, scratch, n); }
uint32_t* sort_keys(uint32_t* keys, uint32_t* scratch, int64_t n) { return sort(keys, scratch, n); }
uint64_t* sort_keys(uint64_t* keys, uint64_t* scratch, int64_t n) { return sort(keys, scratch, n); }
WideKey* sort_keys(WideKey* keys, WideKey* scratch, int64_t n) { return sort(keys, scratch, n); }

uint64_t* select_key(uint64_t* keys, uint64_t* scratch, int64_t n, int64_t kth) {
  return select(keys, scratch, n, kth);
}
WideKey* select_key(WideKey* keys, WideKey* scratch, int64_t n, int64_t kth) {
  return select(keys, scratch, n, kth);
}

}  // namespace mlx::core::cpu
