// argmax and argmin: the first of equals wins. A NaN loses every comparison, so
// it wins only in the first position.
//
// The array is [outer, n, inner], and the search goes along n. Where inner is 1
// a tile's extreme is found first, by the loops of max and min, and its
// position only if it beats what came before. Otherwise a block of columns is
// searched together, row by row.

#include <algorithm>
#include <memory>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/extent.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/reduce.h"
#include "mlx/core/cpu/reduce_loops.h"
#include "mlx/core/cpu/tile.h"
#include "mlx/core/ops/reduce_ops.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kSearchedColumns = 256;

struct Search {
  const array& in;
  int64_t n, inner;
  uint32_t* out;
  bool is_max;
  ComputeType type;
};

template <typename T>
bool better(const T& a, const T& b, bool is_max) {
  if constexpr (std::is_same_v<T, complex64_t>) {
    const bool less = a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
    const bool greater = a.real() > b.real() || (a.real() == b.real() && a.imag() > b.imag());
    return is_max ? greater : less;
  } else {
    return is_max ? a > b : a < b;
  }
}

template <typename T>
struct Best {
  T value{};
  uint32_t at = 0;

  void add(const T* values, int64_t count, int64_t first, bool is_max) {
    for (int64_t i = 0; i < count; ++i) {
      if (first + i == 0 || better(values[i], value, is_max)) {
        value = values[i];
        at = static_cast<uint32_t>(first + i);
      }
    }
  }
};

template <typename T>
void search_rows(const Search& s, int64_t begin, int64_t end) {
  const ReduceKind kind = s.is_max ? ReduceKind::max : ReduceKind::min;
  const ReduceLoop& extreme =
      MLX_CHOOSE_LOOPS(kReduceLoops).loop[static_cast<int>(kind)][static_cast<int>(s.type)];
  TileReader reader(nullptr, {&s.in, 1}, s.in.shape());
  for (int64_t row = begin; row < end; ++row) {
    Best<T> best;
    for (int64_t done = 0; done < s.n;) {
      const int64_t count = std::min(TileReader::kMaxCount, s.n - done);
      const T* values = static_cast<const T*>(reader.read(row * s.n + done, count));
      T top;
      extreme.init(&top, 1);
      extreme.row(&top, values, 1, count);
      if (top != top) {  // there is a NaN
        best.add(values, count, done, s.is_max);
      } else if (done == 0 || better(top, best.value, s.is_max)) {
        best = {top,
                static_cast<uint32_t>(done + (std::find(values, values + count, top) - values))};
      }
      done += count;
    }
    s.out[row] = best.at;
  }
}

// `begin` and `end` count blocks of columns.
template <typename T>
void search_columns(const Search& s, int64_t begin, int64_t end) {
  const int64_t blocks = (s.inner + kSearchedColumns - 1) / kSearchedColumns;
  TileReader reader(nullptr, {&s.in, 1}, s.in.shape());
  const auto best = std::make_unique<Best<T>[]>(kSearchedColumns);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t outer = block / blocks;
    const int64_t column = block % blocks * kSearchedColumns;
    const int64_t count = std::min(kSearchedColumns, s.inner - column);
    for (int64_t i = 0; i < s.n; ++i) {
      const int64_t start = (outer * s.n + i) * s.inner + column;
      const T* values = static_cast<const T*>(reader.read(start, count));
      for (int64_t k = 0; k < count; ++k) {
        best[static_cast<size_t>(k)].add(values + k, 1, i, s.is_max);
      }
    }
    for (int64_t k = 0; k < count; ++k) {
      s.out[outer * s.inner + column + k] = best[static_cast<size_t>(k)].at;
    }
  }
}

template <typename T>
void search(const Search& s) {
  const auto outer = static_cast<int64_t>(s.in.size()) / (s.n * s.inner);
  if (s.inner == 1) {
    parallel_for(outer, std::max<int64_t>(1, (1 << 15) / s.n),
                 [&](int64_t begin, int64_t end) { search_rows<T>(s, begin, end); });
    return;
  }
  const int64_t blocks = (s.inner + kSearchedColumns - 1) / kSearchedColumns;
  parallel_for(outer * blocks,
               std::max<int64_t>(1, (1 << 15) / (s.n * std::min(s.inner, kSearchedColumns))),
               [&](int64_t begin, int64_t end) { search_columns<T>(s, begin, end); });
}

void search_type(const Search& s) {
  switch (s.type) {
    case ComputeType::b8:
      return search<uint8_t>(s);
    case ComputeType::i32:
      return search<int32_t>(s);
    case ComputeType::u32:
      return search<uint32_t>(s);
    case ComputeType::i64:
      return search<int64_t>(s);
    case ComputeType::u64:
      return search<uint64_t>(s);
    case ComputeType::f32:
      return search<float>(s);
    case ComputeType::f64:
      return search<double>(s);
    case ComputeType::c64:
      return search<complex64_t>(s);
  }
}

}  // namespace

void arg_reduce(const KernelArgs& args) {
  const auto& attrs = args.attrs.get<ArgReduceAttrs>();
  const array& in = args.inputs[0];
  array& out = args.outputs[0];
  allocate(out);
  if (out.size() == 0) {
    return;
  }
  const Extent extent = extent_along(in.shape(), attrs.axis);
  search_type(
      {in, extent.n, extent.inner, out.data<uint32_t>(), attrs.is_max, compute_type(in.dtype())});
}

}  // namespace mlx::core::cpu
