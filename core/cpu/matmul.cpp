// Batched products. A transposed operand is a flag of gemm, not a copy; a batch
// that shares its right operand is one tall product.

#include "mlx/core/cpu/matmul.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/gemm.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/wide_rows.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/matmul_ops.h"

namespace mlx::core::cpu {
namespace {

// Multiplications that are worth a thread.
constexpr int64_t kProductGrain = 1 << 16;
// Multiplications of bfloat16 that are worth a call of oneDNN: below, converting
// to float32 and back is faster.
constexpr int64_t kMinBfloat16 = 1 << 18;
// Multiplications of bfloat16 from which on a call of oneDNN for each matrix of a batch is faster.
constexpr int64_t kMaxBatched = 1 << 23;
// Rows up to which a matrix is widened in strips, and elements of a strip: of its rows, or of
// pieces of them, which should be longer.
constexpr int64_t kStripRows = 32;
constexpr int64_t kStripElements = 1 << 16;
constexpr int64_t kPieceElements = 1 << 18;

array materialize(const array& src, Dtype dtype) {
  array out = make_array(src.shape(), dtype);
  allocate(out);
  copy_to(src, out.data<void>(), dtype);
  return out;
}

// A view of `src` in the shape that it broadcasts to.
array broadcast(const array& src, const Shape& shape) {
  const size_t extra = shape.size() - src.ndim();
  Strides strides(shape.size(), 0);
  for (size_t i = 0; i < src.ndim(); ++i) {
    strides[extra + i] = src.shape()[i] == 1 ? 0 : src.strides()[i];
  }
  array out = make_array(shape, src.dtype());
  out.copy_shared_buffer(src, strides, layout_flags(shape, strides, src.data_size()),
                         src.data_size());
  return out;
}

// An input as a batch of matrices that gemm can read.
struct Operand {
  array matrices;
  int64_t stride;  // between rows, or columns if transposed
  bool transposed;
  Strides batch;  // bytes from matrix to matrix along the batch axes of the output

  GemmOperand at(int64_t bytes) const {
    return {matrices.data<std::byte>() + bytes, stride, transposed};
  }
};

bool is_row_major(int64_t rows, int64_t columns, int64_t row_step, int64_t column_step) {
  return (column_step == 1 || columns <= 1) && (row_step >= columns || rows <= 1);
}

Operand make_operand(const array& input, Dtype dtype, size_t batch_axes) {
  Operand op{input.dtype() == dtype ? input : materialize(input, dtype), 0, false,
             Strides(batch_axes, 0)};
  const auto step = [&](int axis) { return op.matrices.strides(axis); };
  const int64_t rows = input.shape(-2);
  const int64_t columns = input.shape(-1);
  if (!is_row_major(rows, columns, step(-2), step(-1))) {
    op.transposed = is_row_major(columns, rows, step(-1), step(-2));
    if (!op.transposed) {
      op.matrices = materialize(input, dtype);
    }
  }
  const int64_t width = op.transposed ? rows : columns;
  const int64_t height = op.transposed ? columns : rows;
  op.stride = std::max<int64_t>(1, height > 1 ? step(op.transposed ? -1 : -2) : width);
  const size_t own = input.ndim() - 2;
  for (size_t i = 0; i < own; ++i) {
    op.batch[batch_axes - own + i] =
        input.shape()[i] == 1 ? 0 : op.matrices.strides()[i] * dtype.size();
  }
  return op;
}

// Whether the whole batch of `a` is one matrix of more rows.
bool is_tall(const Operand& a, int64_t rows, const Shape& out) {
  int64_t step = rows * a.stride * static_cast<int64_t>(a.matrices.itemsize());
  for (size_t i = a.batch.size(); i-- > 0;) {
    if (out[i] != 1 && a.batch[i] != step) {
      return false;
    }
    step *= out[i];
  }
  return !a.transposed;
}

bool is_shared(const Operand& b, const Shape& out) {
  for (size_t i = 0; i < b.batch.size(); ++i) {
    if (out[i] != 1 && b.batch[i] != 0) {
      return false;
    }
  }
  return true;
}

// The bytes between matrices, if they are the same all over the batch.
std::optional<int64_t> batch_step(const Operand& x, const Shape& out) {
  if (is_shared(x, out)) return 0;
  std::optional<int64_t> step;
  int64_t inner = 1;  // matrices
  for (size_t i = x.batch.size(); i-- > 0; inner *= out[i]) {
    if (out[i] == 1) continue;
    if (!step) step = x.batch[i];
    if (x.batch[i] == 0 || x.batch[i] != *step * inner) return std::nullopt;
  }
  return step;
}

// Where the matrix number `index` of the batch begins.
int64_t batch_offset(const Operand& x, const Shape& out, int64_t index) {
  int64_t bytes = 0;
  for (size_t i = x.batch.size(); i-- > 0;) {
    bytes += index % out[i] * x.batch[i];
    index /= out[i];
  }
  return bytes;
}

// A few rows times a large matrix of 16-bit floats: strips of it are widened and multiplied at
// once, so that it is never all there in float32.
bool is_worth_strips(const array& a, const array& b, Dtype dtype) {
  const bool narrow = b.dtype() == float16 || b.dtype() == bfloat16;
  return dtype == float32 && narrow && a.dtype() != float32 && b.ndim() == 2 &&
         static_cast<int64_t>(a.size()) <= kStripRows * b.shape(0) &&
         static_cast<int64_t>(b.size()) >= 4 * kStripElements;
}

void multiply_strips(const Gemm& all, const Operand& b) {
  const WideReader<float> reader(b.matrices);
  const int64_t elements = b.transposed ? kStripElements : kPieceElements;
  const int64_t width = std::max<int64_t>(16, elements / std::max<int64_t>(1, all.k));
  const int64_t strips = (all.n + width - 1) / width;
  parallel_for(strips, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> strip(static_cast<size_t>(width * all.k));
    for (int64_t s = begin; s < end; ++s) {
      const int64_t first = s * width, columns = std::min(width, all.n - first);
      const int64_t rows = b.transposed ? columns : all.k, count = b.transposed ? all.k : columns;
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t from = b.transposed ? (first + r) * b.stride : r * b.stride + first;
        reader.read(from, count, strip.data() + r * count);
      }
      Gemm g = all;
      g.n = columns;
      g.b = {strip.data(), count, b.transposed};
      g.c = static_cast<float*>(all.c) + first;
      gemm(g);
    }
  });
}

// out = alpha a b + beta out; `out` is row-contiguous.
void multiply(const array& left, const array& right, array& out, float alpha, float beta) {
  const Dtype dtype = out.dtype();
  const Shape& shape = out.shape();
  const size_t batch_axes = shape.size() - 2;
  const Operand a = make_operand(left, dtype, batch_axes);
  const bool strips = is_worth_strips(left, right, dtype);
  const Operand b = make_operand(right, strips ? right.dtype() : dtype, batch_axes);
  Gemm one{.dtype = dtype,
           .m = shape[batch_axes],
           .n = shape[batch_axes + 1],
           .k = left.shape(-1),
           .a = a.at(0),
           .b = b.at(0),
           .c = out.data<void>(),
           .c_stride = shape[batch_axes + 1],
           .alpha = alpha,
           .beta = beta};
  int64_t count = static_cast<int64_t>(out.size()) / (one.m * one.n);
  if (count > 1 && is_shared(b, shape) && is_tall(a, one.m, shape)) {
    one.m *= count;
    count = 1;
  }
  if (strips) return multiply_strips(one, b);  // a was widened, so it is tall
  const int64_t work = std::max<int64_t>(1, one.m * one.n * one.k);
  if (dtype == bfloat16 && count > 1 && work < kMaxBatched) {
    const auto a_step = batch_step(a, shape), b_step = batch_step(b, shape);
    if (a_step && b_step) {
      one.batch = count;
      one.a_step = *a_step / dtype.size();
      one.b_step = *b_step / dtype.size();
      return gemm(one);
    }
  }
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Gemm g = one;
      g.a = a.at(batch_offset(a, shape, i));
      g.b = b.at(batch_offset(b, shape, i));
      g.c = out.data<std::byte>() + i * g.m * g.n * dtype.size();
      gemm(g);
    }
  };
  if (count >= 4 * thread_count()) {
    parallel_for(count, std::max<int64_t>(1, kProductGrain / work), run);
  } else {
    run(0, count);  // each product has threads of its own
  }
}

void run(const array* c, const array& a, const array& b, array& out, float alpha, float beta) {
  allocate(out);
  if (out.size() == 0) {
    return;
  }
  const bool small = static_cast<int64_t>(out.size()) * a.shape(-1) < kMinBfloat16;
  const Dtype dtype = small && out.dtype() == bfloat16 ? float32 : gemm_dtype(out.dtype());
  array result = out;
  if (dtype != out.dtype()) {
    result = make_array(out.shape(), dtype);
    allocate(result);
  }
  if (c != nullptr) {
    copy_to(broadcast(*c, out.shape()), result.data<void>(), dtype);
  }
  multiply(a, b, result, alpha, beta);
  if (dtype != out.dtype()) {
    copy_to(result, out.data<void>(), out.dtype());
  }
}

}  // namespace

void matmul(const KernelArgs& args) {
  run(nullptr, args.inputs[0], args.inputs[1], args.outputs[0], 1, 0);
}

void addmm(const KernelArgs& args) {
  const auto [alpha, beta] = args.attrs.get<AddmmAttrs>();
  const array* c = beta == 0 ? nullptr : &args.inputs[0];
  run(c, args.inputs[1], args.inputs[2], args.outputs[0], alpha, beta);
}

}  // namespace mlx::core::cpu
