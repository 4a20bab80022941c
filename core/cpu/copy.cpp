#include "mlx/core/cpu/copy.h"

#include <algorithm>

#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/tile.h"
#include "mlx/core/cpu/tile_loops.h"
#include "mlx/core/cpu/tile_view.h"
#include "mlx/core/cpu/transpose.h"
#include "mlx/core/graph/node.h"

namespace mlx::core::cpu {
namespace {

constexpr int64_t kCopyGrain = 1 << 15;

// A copy is a program of at most one cast.
TileProgram cast_program(Dtype from, Dtype to) {
  TileProgram program{
      .loads = {{from.val(), 0}}, .code = {}, .stores = {{to.val(), 0}}, .registers = 1};
  if (from != to) {
    program.code.push_back({TileProgram::kCast, from.val(), to.val(), 1, {0, 0, 0}});
    program.stores[0].reg = 1;
    program.registers = 2;
  }
  return program;
}

void convert_range(const TileProgram& program, const array& src, const TileView& to, int64_t begin,
                   int64_t end) {
  const NarrowType narrow = narrow_type(dtype_of(program.stores[0].dtype));
  TileReader reader(&program, {&src, 1}, src.shape());
  TileCursor cursor(to);
  cursor.seek(begin);
  alignas(64) std::byte narrowed[TileReader::kMaxCount * sizeof(uint16_t)];
  while (begin < end) {
    const int64_t count = std::min(end - begin, TileReader::kMaxCount);
    const void* values = reader.read(begin, count);
    if (narrow != NarrowType::none) {
      tile_loops().narrow[static_cast<int>(narrow)](narrowed, values, nullptr, nullptr, count);
      values = narrowed;
    }
    cursor.write(static_cast<const std::byte*>(values), count);
    begin += count;
  }
}

}  // namespace

void copy_to_strided(const array& src, void* dst, Dtype dtype, const Strides& strides) {
  if (src.size() == 0) {
    return;
  }
  const TileView to = TileView::of(dst, dtype.size(), src.shape(), strides);
  const auto size = static_cast<int64_t>(src.size());
  if (src.dtype() == dtype && to.is_flat()) {
    const TileView from = TileView::of(src, src.shape());
    if (is_transposed(from)) {
      return transpose_to(from, to.data);
    }
    parallel_for(size, kCopyGrain, [&](int64_t begin, int64_t end) {
      TileCursor cursor(from);
      cursor.seek(begin);
      cursor.read(to.data + begin * to.itemsize, end - begin);
    });
    return;
  }
  const array plain = without_transpose(src);
  const TileProgram program = cast_program(src.dtype(), dtype);
  parallel_for(size, kCopyGrain,
               [&](int64_t begin, int64_t end) { convert_range(program, plain, to, begin, end); });
}

void copy_to(const array& src, void* dst, Dtype dtype) {
  copy_to_strided(src, dst, dtype, row_major(src.shape()));
}

array row_contiguous(const array& src) {
  if (src.flags().row_contiguous) {
    return src;
  }
  array out = make_array(src.shape(), src.dtype());
  allocate(out);
  copy_to(src, out.data<void>(), src.dtype());
  return out;
}

array row_contiguous(const array& src, Dtype dtype) {
  if (src.dtype() == dtype) {
    return row_contiguous(src);
  }
  array out = make_array(src.shape(), dtype);
  allocate(out);
  copy_to(src, out.data<void>(), dtype);
  return out;
}

array without_transpose(const array& src) {
  return is_transposed(TileView::of(src, src.shape())) ? row_contiguous(src) : src;
}

void allocate(array& out) { out.set_data(allocator::malloc(out.nbytes())); }

}  // namespace mlx::core::cpu
