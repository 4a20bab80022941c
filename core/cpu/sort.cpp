// Sorting sorts pairs of a key (sort_key.h) and an index, which makes every
// order of equal values the stable one, and then picks values or indices.

#include "mlx/core/cpu/sort.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/sort_key.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/sort_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kGrain = 1 << 13;     // elements that one thread should have at least
constexpr int64_t kRadixFrom = 1 << 9;  // below, comparisons are faster

template <typename Key>
struct Entry {
  Key key;
  uint32_t index;
  friend bool operator<(const Entry& a, const Entry& b) {
    return a.key < b.key || (a.key == b.key && a.index < b.index);
  }
};

// One digit after the other from the lowest on, each time keeping the order.
// Returns whichever of the two buffers holds the result.
template <typename Key>
Entry<Key>* radix_sort(Entry<Key>* from, Entry<Key>* to, int64_t n) {
  constexpr int kDigit = 11;
  constexpr size_t kBuckets = size_t(1) << kDigit;
  const auto start = std::make_unique<int64_t[]>(kBuckets);
  for (int shift = 0; shift < static_cast<int>(8 * sizeof(Key)); shift += kDigit) {
    const auto digit = [shift](const Entry<Key>& e) { return (e.key >> shift) & (kBuckets - 1); };
    std::fill_n(start.get(), kBuckets, 0);
    for (int64_t i = 0; i < n; ++i) {
      ++start[digit(from[i])];
    }
    if (start[digit(from[0])] == n) {
      continue;
    }
    int64_t sum = 0;
    for (size_t b = 0; b < kBuckets; ++b) {
      sum += std::exchange(start[b], sum);
    }
    for (int64_t i = 0; i < n; ++i) {
      to[start[digit(from[i])]++] = from[i];
    }
    std::swap(from, to);
  }
  return from;
}

template <typename Key>
Entry<Key>* sort_entries(Entry<Key>* entries, Entry<Key>* scratch, int64_t n, int64_t kth) {
  if (kth >= 0) {
    std::nth_element(entries, entries + kth, entries + n);
  } else if (n < kRadixFrom) {
    std::sort(entries, entries + n);
  } else {
    return radix_sort(entries, scratch, n);
  }
  return entries;
}

template <typename T>
void sort_rows(const array& in, array& out, int64_t kth, bool indices) {
  using Key = SortKey<T>;
  const int64_t n = in.shape(-1);
  const int64_t rows = static_cast<int64_t>(in.size()) / n;
  parallel_for(rows, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) {
    const auto entries = std::make_unique<Entry<Key>[]>(static_cast<size_t>(2 * n));
    for (int64_t row = begin; row < end; ++row) {
      const T* values = in.data<T>() + row * n;
      for (int64_t i = 0; i < n; ++i) {
        entries[static_cast<size_t>(i)] = {sort_key(values[i]), static_cast<uint32_t>(i)};
      }
      const Entry<Key>* sorted = sort_entries(entries.get(), entries.get() + n, n, kth);
      for (int64_t i = 0; i < n; ++i) {
        if (indices) {
          out.data<uint32_t>()[row * n + i] = sorted[i].index;
        } else {
          out.data<T>()[row * n + i] = values[sorted[i].index];
        }
      }
    }
  });
}

template <typename V>
V axis_last(V v, int axis) {
  const auto moved = v[axis];
  v.erase(v.begin() + axis);
  v.push_back(moved);
  return v;
}

// The view with `axis` last.
array with_axis_last(const array& in, int axis) {
  const Shape shape = axis_last(in.shape(), axis);
  const Strides strides = axis_last(in.strides(), axis);
  array view = make_array(shape, in.dtype());
  view.copy_shared_buffer(in, strides, layout_flags(shape, strides, in.data_size()),
                          in.data_size());
  view.set_status(array::available);
  return view;
}

// One sequence for all values, or rows of both.
template <typename T>
void search(const array& sequences, const array& values, array& out, bool right) {
  const T* in = values.data<T>();
  const T* sequence = sequences.data<T>();
  const int64_t length = sequences.shape(-1);
  const auto count = static_cast<int64_t>(values.size());
  const int64_t rows = static_cast<int64_t>(sequences.size()) / std::max<int64_t>(1, length);
  const int64_t values_of_row = count / std::max<int64_t>(1, rows);
  uint32_t* indices = out.data<uint32_t>();
  parallel_for(count, kGrain / 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto key = sort_key(in[i]);
      const T* first = sequence + i / values_of_row * length;
      const T* last = first + length;
      const T* found = std::partition_point(
          first, last, [&](const T& v) { return right ? sort_key(v) <= key : sort_key(v) < key; });
      indices[i] = static_cast<uint32_t>(found - first);
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

// Along another axis than the last, the array is transposed before and after.
void sort(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<SortAttrs>();
  array& out = args.outputs[0];
  allocate(out);
  if (out.size() == 0) {
    return;
  }
  const array in = row_contiguous(with_axis_last(args.inputs[0], attrs.axis));
  const bool is_last = attrs.axis == static_cast<int>(out.ndim()) - 1;
  array rows = out;
  if (!is_last) {
    rows = make_array(in.shape(), out.dtype());
    allocate(rows);
  }
  with_type(in.dtype(),
            [&](auto zero) { sort_rows<decltype(zero)>(in, rows, attrs.kth, attrs.indices); });
  if (!is_last) {
    copy_to_strided(rows, out.data<void>(), out.dtype(), axis_last(out.strides(), attrs.axis));
  }
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
