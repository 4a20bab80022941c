// Products of masked matrices. Neighbouring blocks that see the same blocks of
// the inner axis are one call of gemm; masked blocks are never touched.

#include <algorithm>
#include <vector>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/matmul.h"
#include "mlx/core/cpu/matrix_view.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/matmul_ops.h"

namespace mlx::core::cpu {
namespace {

// The elements of one mask.
class Mask {
 public:
  explicit Mask(const array& mask)
      : weights_(row_contiguous(mask, float64)),
        columns_(mask.shape(1)),
        scales_(mask.dtype() != bool_) {}

  int64_t rows() const { return weights_.shape(0); }
  int64_t columns() const { return columns_; }
  double weight(int64_t row, int64_t column) const {
    return weights_.data<double>()[row * columns_ + column];
  }
  bool open(int64_t row, int64_t column) const { return weight(row, column) != 0; }
  /// Whether there may be weights other than 0 and 1.
  bool scales() const { return scales_; }

 private:
  array weights_;
  int64_t columns_;
  bool scales_;
};

/// Positions of blocks, or elements.
struct Range {
  int64_t begin, end;
};

// Multiplies each block of a row-major matrix that the mask lets through.
template <typename T>
void scale_blocks(T* x, int64_t rows, int64_t columns, const Mask& mask, int64_t block) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const double weight = mask.weight(row / block, column / block);
      if (weight != 0) x[row * columns + column] *= static_cast<T>(weight);
    }
  }
}

void scale_blocks(void* x, Dtype dtype, int64_t rows, int64_t columns, const Mask& mask,
                  int64_t block) {
  if (!mask.scales()) return;
  dtype == float64 ? scale_blocks(static_cast<double*>(x), rows, columns, mask, block)
                   : scale_blocks(static_cast<float*>(x), rows, columns, mask, block);
}

// The matrix, times the mask's weights if it has some.
Matrix weighted(const array& matrix, Dtype dtype, const Mask& mask, int64_t block) {
  if (!mask.scales()) return readable(matrix, dtype);
  array copy = copied(matrix, dtype);
  scale_blocks(copy.data<void>(), dtype, copy.shape(0), copy.shape(1), mask, block);
  return {copy, {copy.data<void>(), std::max<int64_t>(1, copy.shape(1)), false}};
}

// One product of the batch.
class Product {
 public:
  Product(const array& a, const array& b, const Mask& out_mask, const Mask& left_mask,
          const Mask& right_mask, int64_t block, void* out, Dtype dtype)
      : m_(a.shape(0)),
        k_(a.shape(1)),
        n_(b.shape(1)),
        block_(block),
        dtype_(dtype),
        out_mask_(out_mask),
        left_mask_(left_mask),
        right_mask_(right_mask),
        left_(weighted(a, dtype, left_mask, block)),
        right_(weighted(b, dtype, right_mask, block)),
        out_(static_cast<std::byte*>(out)) {}

  void run() const {
    const std::vector<Range> rows = row_groups();
    const auto count = static_cast<int64_t>(rows.size());
    const auto body = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) multiply_rows(rows[static_cast<size_t>(i)]);
    };
    // With few groups each product has threads of its own.
    count >= 4 * thread_count() ? parallel_for(count, 1, body) : body(0, count);
    scale_blocks(out_, dtype_, m_, n_, out_mask_, block_);
  }

 private:
  // Neighbours to which the masks do the same.
  std::vector<Range> row_groups() const {
    const auto same = [&](const Mask& mask, int64_t x, int64_t y) {
      for (int64_t j = 0; j < mask.columns(); ++j) {
        if (mask.open(x, j) != mask.open(y, j)) return false;
      }
      return true;
    };
    std::vector<Range> groups;
    for (int64_t row = 0; row < out_mask_.rows(); ++row) {
      if (row > 0 && same(out_mask_, row, row - 1) && same(left_mask_, row, row - 1)) {
        groups.back().end = row + 1;
      } else {
        groups.push_back({row, row + 1});
      }
    }
    return groups;
  }

  // The blocks of the inner axis that count for a block of the result.
  std::vector<Range> inner_blocks(int64_t row, int64_t column) const {
    std::vector<Range> open;
    if (!out_mask_.open(row, column)) return open;
    for (int64_t i = 0; i < left_mask_.columns(); ++i) {
      if (!left_mask_.open(row, i) || !right_mask_.open(i, column)) continue;
      if (!open.empty() && open.back().end == i) {
        open.back().end = i + 1;
      } else {
        open.push_back({i, i + 1});
      }
    }
    return open;
  }

  void multiply_rows(Range rows) const {
    const auto equal = [](const Range& x, const Range& y) {
      return x.begin == y.begin && x.end == y.end;
    };
    for (int64_t column = 0, next = 0; column < out_mask_.columns(); column = next) {
      const std::vector<Range> inner = inner_blocks(rows.begin, column);
      for (next = column + 1; next < out_mask_.columns(); ++next) {
        if (!std::ranges::equal(inner, inner_blocks(rows.begin, next), equal)) break;
      }
      multiply(elements(rows, m_), elements({column, next}, n_), inner);
    }
  }

  Range elements(Range blocks, int64_t size) const {
    return {blocks.begin * block_, std::min(size, blocks.end * block_)};
  }

  // A product without inner blocks is 0.
  void multiply(Range rows, Range columns, const std::vector<Range>& inner) const {
    Gemm g{.dtype = dtype_,
           .m = rows.end - rows.begin,
           .n = columns.end - columns.begin,
           .k = 0,
           .a = {},
           .b = {},
           .c = out_ + (rows.begin * n_ + columns.begin) * dtype_.size(),
           .c_stride = n_};
    if (inner.empty()) {
      for (int64_t row = 0; row < g.m; ++row) {
        std::fill_n(static_cast<std::byte*>(g.c) + row * n_ * dtype_.size(), g.n * dtype_.size(),
                    std::byte{0});
      }
    }
    for (const Range& blocks : inner) {
      const Range part = elements(blocks, k_);
      g.k = part.end - part.begin;
      g.a = at(left_.operand, rows.begin, part.begin);
      g.b = at(right_.operand, part.begin, columns.begin);
      gemm(g);
      g.beta = 1;
    }
  }

  GemmOperand at(const GemmOperand& x, int64_t row, int64_t column) const {
    const int64_t offset = x.transposed ? column * x.stride + row : row * x.stride + column;
    return {static_cast<const std::byte*>(x.data) + offset * dtype_.size(), x.stride, x.transposed};
  }

  int64_t m_, k_, n_, block_;
  Dtype dtype_;
  const Mask &out_mask_, &left_mask_, &right_mask_;
  Matrix left_, right_;
  std::byte* out_;
};

}  // namespace

void block_masked_mm(const KernelArgs& args) {
  const int block = args.attrs.get<BlockMaskedMmAttrs>().block;
  const auto& in = args.inputs;
  compute_in(sum_dtype(in[0].dtype()), args.outputs[0], [&](array& out) {
    const Shape batch(out.shape().begin(), out.shape().end() - 2);
    const int64_t each = out.shape(-2) * out.shape(-1);
    const int64_t count = each == 0 ? 0 : static_cast<int64_t>(out.size()) / each;
    for (int64_t i = 0; i < count; ++i) {
      const auto item = [&](size_t input) { return item_of(in[input], batch, i); };
      const Mask of_out(item(2)), of_left(item(3)), of_right(item(4));
      Product(item(0), item(1), of_out, of_left, of_right, block,
              out.data<std::byte>() + i * each * out.dtype().size(), out.dtype())
          .run();
    }
  });
}

}  // namespace mlx::core::cpu
