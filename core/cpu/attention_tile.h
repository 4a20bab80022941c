#pragma once

// What attention and its gradient share: where the operands are, and the
// scores of a block of rows with a tile of keys.
//
// All query heads that share a key head form one matrix of rows [group * L, D],
// so that with few queries, as in decoding, a key is read once for all of them.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "mlx/core/cpu/gemm.h"
#include "mlx/core/cpu/wide_rows.h"
#include "mlx/core/graph/op.h"
#include "mlx/core/ops/fast_ops.h"

namespace mlx::core::cpu {

struct AttentionSizes {
  int64_t batch, heads, kv_heads, queries, keys, depth, value_depth;
  int64_t group() const { return heads / kv_heads; }
};

/// A matrix in memory: rows of Real that lie `stride` elements apart.
template <typename Real>
struct TileMatrix {
  Real* data;
  int64_t stride;
};

/// c = alpha a b + beta c; the operands transposed if said so. Any size may be 0.
struct TileProduct {
  int64_t m, n, k;
  bool a_transposed, b_transposed;
  float alpha, beta;
};
template <typename Real>
void multiply(const TileProduct& p, TileMatrix<const Real> a, TileMatrix<const Real> b,
              TileMatrix<Real> c) {
  if (p.m == 0 || p.n == 0) return;
  const auto stride = [](const auto& x) { return std::max<int64_t>(x.stride, 1); };
  gemm({.dtype = real_dtype<Real>(),
        .m = p.m,
        .n = p.n,
        .k = p.k,
        .a = {a.data, stride(a), p.a_transposed},
        .b = {b.data, stride(b), p.b_transposed},
        .c = c.data,
        .c_stride = stride(c),
        .alpha = p.alpha,
        .beta = p.beta});
}

/// Keys or values [B, K, S, D] of any strides, read a tile at a time.
template <typename Real>
class AttentionOperand {
 public:
  explicit AttentionOperand(const array& x);
  /// Rows [first, first + count) of a head, in place or in `scratch` (count * D).
  TileMatrix<const Real> read(int64_t batch, int64_t head, int64_t first, int64_t count,
                              Real* scratch) const;

 private:
  array held_;
  TileLoop widen_;
};

/// A block of consecutive rows of the matrix of one key head.
struct RowBlock {
  int64_t batch, kv_head;
  int64_t first, count;  ///< rows
};

template <typename Real>
class Attention {
 public:
  /// From the inputs of kAttention: queries, keys, values; mask and sinks are the last ones.
  explicit Attention(const KernelArgs& args);

  /// How many keys some row of the block sees.
  int64_t visible_keys(const RowBlock& block) const;
  /// Scores [count, keys] of the block with keys from `first`, masked.
  void scores(const RowBlock& block, int64_t first, int64_t count, TileMatrix<const Real> keys,
              TileMatrix<Real> out) const;
  /// Zeros in `grad` where the mask replaced the score.
  void clear_masked(const RowBlock& block, int64_t first, int64_t count,
                    TileMatrix<Real> grad) const;

  /// The row's position in arrays [B, H, L].
  int64_t row_of(const RowBlock& block, int64_t i) const {
    return (block.batch * sizes.kv_heads + block.kv_head) * sizes.group() * sizes.queries +
           block.first + i;
  }
  /// The score of the sink of row i.
  Real sink(const RowBlock& block, int64_t i) const;

  AttentionAttrs attrs;
  AttentionSizes sizes;
  array queries;  ///< row-contiguous, Real
  AttentionOperand<Real> keys;
  AttentionOperand<Real> values;

 private:
  struct Mask {
    const std::byte* data;
    int64_t strides[4];  // elements; the last is 0 or 1
    bool is_bool;
  };

  int64_t head_of(const RowBlock& block, int64_t i) const {
    return block.kv_head * sizes.group() + (block.first + i) / sizes.queries;
  }
  int64_t query_of(const RowBlock& block, int64_t i) const {
    return (block.first + i) % sizes.queries;
  }
  // How many keys a query sees by the causal rule; not positive if none.
  int64_t limit(int64_t query) const { return query + 1 + sizes.keys - sizes.queries; }
  int64_t mask_offset(const RowBlock& block, int64_t i, int64_t key) const;
  void apply_mask(Real* row, int64_t offset, int64_t count) const;

  std::vector<array> held_;  // what mask_ and sinks_ point into
  Mask mask_{};
  const Real* sinks_ = nullptr;
  int64_t sinks_stride_ = 0;  // of the batch
};

extern template class AttentionOperand<float>;
extern template class AttentionOperand<double>;
extern template class Attention<float>;
extern template class Attention<double>;

}  // namespace mlx::core::cpu
