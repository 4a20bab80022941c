// Sorting sorts keys (sort_key.h). A key alone becomes a value again; where
// the order of equal values matters, a key and an index are one number.

#include "mlx/core/cpu/sort.h"

#include <algorithm>
#include <utility>

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/extent.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/scratch.h"
#include "mlx/core/cpu/sort_key.h"
#include "mlx/core/cpu/sort_keys.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/sort_ops.h"

namespace mlx::core::cpu {
namespace {

// Elements that one thread should have at least, of several lines and of one.
constexpr int64_t kSortGrain = 1 << 13;
constexpr int64_t kLongGrain = 1 << 15;

// ---- one line

// Gives the places from `first` on the elements of `in` that `wanted` says, in their order.
template <typename T, typename Wanted>
void restore(const T* in, int64_t n, T* first, Wanted wanted) {
  for (int64_t i = 0; i < n; ++i) {
    if (wanted(in[i])) {
      *first++ = in[i];
    }
  }
}

// Sorts lines of n values: for one thread, which keeps its memory.
template <typename T>
class ValueSorter {
 public:
  ValueSorter(int64_t n, const SortAttrs&) : n_(n), buffer_(2 * n) {}

  void operator()(const T* in, T* out) const {
    Key* keys = buffer_.data();
    parallel_for(n_, kLongGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        keys[i] = exact_key(in[i]);
      }
    });
    const Key* sorted = sort_keys(keys, keys + n_, n_);
    parallel_for(n_, kLongGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        out[i] = value_of_key<T>(sorted[i]);
      }
    });
    if constexpr (kIsReal<T>) {
      restore_equals(in, sorted, out);
    }
  }

 private:
  using Key = SortKey<T>;

  // Zeros of both signs, and NaNs, are equal: they keep their order.
  void restore_equals(const T* in, const Key* sorted, T* out) const {
    const Key* last = sorted + n_;
    const Key* zeros = std::lower_bound(sorted, last, kNegativeZeroKey<T>);
    if (zeros != last && *zeros == kNegativeZeroKey<T>) {
      restore(in, n_, out + (zeros - sorted), [](T v) { return v == T(0); });
    }
    if (last[-1] == static_cast<Key>(~Key(0))) {
      const Key* nans = std::lower_bound(zeros, last, last[-1]);
      restore(in, n_, out + (nans - sorted), [](T v) { return v != v; });
    }
  }

  int64_t n_;
  Scratch<Key> buffer_;
};

// A key above an index.
template <typename T>
using Entry = std::conditional_t<sizeof(T) <= 4, uint64_t, WideKey>;

template <typename T>
Entry<T> entry_of(T v, int64_t index) {
  if constexpr (sizeof(T) <= 4) {
    return uint64_t(sort_key(v)) << 32 | static_cast<uint64_t>(index);
  } else {
    return {static_cast<uint64_t>(index), sort_key(v)};
  }
}

uint32_t index_of(uint64_t entry) { return static_cast<uint32_t>(entry); }
uint32_t index_of(const WideKey& entry) { return static_cast<uint32_t>(entry.lo); }

// Gives the order of lines of n values, as indices or as the values in that
// order: for one thread, which keeps its memory.
template <typename T, bool kIndices>
class Orderer {
 public:
  using Out = std::conditional_t<kIndices, uint32_t, T>;

  Orderer(int64_t n, const SortAttrs& attrs) : n_(n), kth_(attrs.kth), buffer_(2 * n) {}

  void operator()(const T* in, Out* out) const {
    Entry<T>* entries = buffer_.data();
    parallel_for(n_, kLongGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        entries[i] = entry_of(in[i], i);
      }
    });
    const Entry<T>* ordered = kth_ < 0 ? sort_keys(entries, entries + n_, n_)
                                       : select_key(entries, entries + n_, n_, kth_);
    parallel_for(n_, kLongGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const uint32_t index = index_of(ordered[i]);
        if constexpr (kIndices) {
          out[i] = index;
        } else {
          out[i] = in[index];
        }
      }
    });
  }

 private:
  int64_t n_, kth_;
  Scratch<Entry<T>> buffer_;
};

// ---- all lines

// Lines along the last axis.
template <typename Worker, typename T, typename Out>
void work_rows(const T* in, Out* out, const Extent& extent, const SortAttrs& attrs) {
  const int64_t n = extent.n;
  parallel_for(extent.outer, 1 + kSortGrain / n, [&](int64_t begin, int64_t end) {
    const Worker work(n, attrs);
    for (int64_t row = begin; row < end; ++row) {
      work(in + row * n, out + row * n);
    }
  });
}

// Other lines: those through the same cache lines are copied out of the array,
// and their results back.
template <typename Worker, typename T, typename Out>
void work_columns(const T* in, Out* out, const Extent& extent, const SortAttrs& attrs) {
  const auto [outer, n, inner] = extent;
  constexpr int64_t kWidth = 64 / sizeof(T);
  const int64_t pitch = n + kWidth;  // so that lines do not compete for places in the cache
  const int64_t blocks = (inner + kWidth - 1) / kWidth;
  const auto work_blocks = [&, n = n, inner = inner](int64_t begin, int64_t end) {
    const Worker work(n, attrs);
    const Scratch<T> from(kWidth * pitch);
    const Scratch<Out> to(kWidth * pitch);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t column = unit % blocks * kWidth;
      const int64_t at = unit / blocks * n * inner + column;
      const int64_t width = std::min(kWidth, inner - column);
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t k = 0; k < width; ++k) {
          from[k * pitch + i] = in[at + i * inner + k];
        }
      }
      for (int64_t k = 0; k < width; ++k) {
        work(from.data() + k * pitch, to.data() + k * pitch);
      }
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t k = 0; k < width; ++k) {
          out[at + i * inner + k] = to[k * pitch + i];
        }
      }
    }
  };
  parallel_for(outer * blocks, 1 + kSortGrain / (n * kWidth), work_blocks);
}

template <typename Worker, typename T, typename Out>
void work_lines(const T* in, Out* out, const Extent& extent, const SortAttrs& attrs) {
  if (extent.inner == 1) {
    work_rows<Worker>(in, out, extent, attrs);
  } else {
    work_columns<Worker>(in, out, extent, attrs);
  }
}

template <typename T>
void sort_lines(const array& in, array& out, const Extent& extent, const SortAttrs& attrs) {
  const T* values = in.data<T>();
  if (attrs.indices) {
    return work_lines<Orderer<T, true>>(values, out.data<uint32_t>(), extent, attrs);
  }
  if constexpr (!std::is_same_v<T, complex64_t>) {
    if (attrs.kth < 0) {
      return work_lines<ValueSorter<T>>(values, out.data<T>(), extent, attrs);
    }
  }
  work_lines<Orderer<T, false>>(values, out.data<T>(), extent, attrs);
}

// Searches that go on side by side, so that their loads do not wait for each other.
constexpr int64_t kSearches = 16;

// How many of the elements are less than each key, or not greater: halving a
// length that is the same for all, without branches on values.
template <bool kRight, typename T>
void search_group(const T* sequence, int64_t length, const SortKey<T>* keys, uint32_t* found,
                  int64_t count) {
  const auto is_before = [&](int64_t at, SortKey<T> key) {
    const SortKey<T> element = sort_key(sequence[at]);
    return kRight ? element <= key : element < key;
  };
  int64_t first[kSearches] = {};
  int64_t rest = length;
  for (; rest > 1; rest -= rest / 2) {
    for (int64_t k = 0; k < count; ++k) {
      first[k] += rest / 2 * is_before(first[k] + rest / 2 - 1, keys[k]);
    }
  }
  for (int64_t k = 0; k < count; ++k) {
    found[k] = static_cast<uint32_t>(first[k] + (rest == 1 && is_before(first[k], keys[k])));
  }
}

// One sequence for all values, or rows of both.
template <typename T>
void search(const array& sequences, const array& values, array& out, bool right) {
  const T* in = values.data<T>();
  const int64_t length = sequences.shape(-1);
  const auto count = static_cast<int64_t>(values.size());
  const int64_t rows = static_cast<int64_t>(sequences.size()) / std::max<int64_t>(1, length);
  const int64_t values_of_row = count / std::max<int64_t>(1, rows);
  uint32_t* indices = out.data<uint32_t>();
  const auto search_some = right ? search_group<true, T> : search_group<false, T>;
  parallel_for(count, kSortGrain / 8, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t row = begin / values_of_row;
      const int64_t some = std::min({kSearches, end - begin, (row + 1) * values_of_row - begin});
      SortKey<T> keys[kSearches];
      std::transform(in + begin, in + begin + some, keys, sort_key<T>);
      search_some(sequences.data<T>() + row * length, length, keys, indices + begin, some);
      begin += some;
    }
  });
}

// Calls f with a value of the dtype's type.
template <typename F>
void with_type(Dtype dtype, F f) {
  switch (dtype.val()) {
    case Dtype::Val::bool_:
      return f(bool{});
    case Dtype::Val::uint8:
      return f(uint8_t{});
    case Dtype::Val::uint16:
      return f(uint16_t{});
    case Dtype::Val::uint32:
      return f(uint32_t{});
    case Dtype::Val::uint64:
      return f(uint64_t{});
    case Dtype::Val::int8:
      return f(int8_t{});
    case Dtype::Val::int16:
      return f(int16_t{});
    case Dtype::Val::int32:
      return f(int32_t{});
    case Dtype::Val::int64:
      return f(int64_t{});
    case Dtype::Val::float16:
      return f(float16_t{});
    case Dtype::Val::bfloat16:
      return f(bfloat16_t{});
    case Dtype::Val::float32:
      return f(float{});
    case Dtype::Val::float64:
      return f(double{});
    case Dtype::Val::complex64:
      return f(complex64_t{});
  }
}

}  // namespace

void sort(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<SortAttrs>();
  array& out = args.outputs[0];
  allocate(out);
  if (out.size() == 0) {
    return;
  }
  const array in = row_contiguous(args.inputs[0]);
  const Extent extent = extent_along(in.shape(), attrs.axis);
  with_type(in.dtype(), [&](auto zero) { sort_lines<decltype(zero)>(in, out, extent, attrs); });
}

void search_sorted(const KernelArgs& args) {
  const array sequence = row_contiguous(args.inputs[0]);
  const array values = row_contiguous(args.inputs[1]);
  array& out = args.outputs[0];
  allocate(out);
  const bool right = args.attrs.get<SearchSortedAttrs>().right;
  with_type(values.dtype(),
            [&](auto zero) { search<decltype(zero)>(sequence, values, out, right); });
}

}  // namespace mlx::core::cpu
