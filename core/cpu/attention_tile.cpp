#include "mlx/core/cpu/attention_tile.h"

#include <algorithm>
#include <limits>

#include "mlx/core/cpu/copy.h"

namespace mlx::core::cpu {
namespace {

AttentionSizes sizes_of(const KernelArgs& args) {
  const Shape &q = args.inputs[0].shape(), &k = args.inputs[1].shape();
  return {q[0], q[1], k[1], q[2], k[2], q[3], args.inputs[2].shape(3)};
}

bool has_plain_rows(const array& x) { return x.strides(-1) == 1 || x.shape(-1) == 1; }

}  // namespace

template <typename Real>
AttentionOperand<Real>::AttentionOperand(const array& x)
    // BLAS wants rows that do not overlap.
    : held_(has_plain_rows(x) && x.strides(-2) >= x.shape(-1) ? x : row_contiguous(x)),
      widen_(x.dtype() == real_dtype<Real>()
                 ? nullptr
                 : tile_loops().widen[static_cast<size_t>(narrow_type(x.dtype()))]) {}

template <typename Real>
TileMatrix<const Real> AttentionOperand<Real>::read(int64_t batch, int64_t head, int64_t first,
                                                    int64_t count, Real* scratch) const {
  const Strides& strides = held_.strides();
  const int64_t stride = strides[2], n = held_.shape(-1);
  const int64_t start = batch * strides[0] + head * strides[1] + first * stride;
  const std::byte* from = static_cast<const std::byte*>(held_.data<void>()) +
                          start * static_cast<int64_t>(held_.itemsize());
  if (widen_ == nullptr) return {reinterpret_cast<const Real*>(from), stride};
  if (stride == n) {
    widen_(scratch, from, nullptr, nullptr, count * n);
    return {scratch, n};
  }
  for (int64_t i = 0; i < count; ++i) {
    widen_(scratch + i * n, from + i * stride * static_cast<int64_t>(held_.itemsize()), nullptr,
           nullptr, n);
  }
  return {scratch, n};
}

template <typename Real>
Attention<Real>::Attention(const KernelArgs& args)
    : attrs(args.attrs.get<AttentionAttrs>()),
      sizes(sizes_of(args)),
      queries(row_contiguous(args.inputs[0], real_dtype<Real>())),
      keys(args.inputs[1]),
      values(args.inputs[2]) {
  const size_t extras = args.inputs.size() - (attrs.has_mask ? 1 : 0) - (attrs.has_sinks ? 1 : 0);
  if (attrs.has_sinks) {
    held_.push_back(row_contiguous(args.inputs.back(), real_dtype<Real>()));
    sinks_ = held_.back().template data<Real>();
    sinks_stride_ = held_.back().shape(0) == 1 ? 0 : sizes.heads;
  }
  if (attrs.has_mask) {
    const array& mask = args.inputs[extras];
    mask_.is_bool = mask.dtype() == bool_;
    const Dtype dtype = mask_.is_bool ? bool_ : real_dtype<Real>();
    const int64_t step = mask.shape(3) == 1 ? 0 : mask.strides(3);
    const bool usable = mask.dtype() == dtype && (step == 0 || step == 1);
    held_.push_back(usable ? mask : row_contiguous(mask, dtype));
    const array& held = held_.back();
    mask_.data = static_cast<const std::byte*>(held.data<void>());
    for (int i = 0; i < 4; ++i) mask_.strides[i] = held.shape(i) == 1 ? 0 : held.strides(i);
  }
}

template <typename Real>
Real Attention<Real>::sink(const RowBlock& block, int64_t i) const {
  return sinks_[block.batch * sinks_stride_ + head_of(block, i)];
}

template <typename Real>
int64_t Attention<Real>::visible_keys(const RowBlock& block) const {
  if (!attrs.causal) return sizes.keys;
  int64_t most = 0;
  for (int64_t i = 0; i < block.count; ++i) {
    const int64_t seen = limit(query_of(block, i));
    // A row without any gives all the same weight.
    if (seen <= 0) return sizes.keys;
    most = std::max(most, seen);
  }
  return most;
}

template <typename Real>
int64_t Attention<Real>::mask_offset(const RowBlock& block, int64_t i, int64_t key) const {
  return block.batch * mask_.strides[0] + head_of(block, i) * mask_.strides[1] +
         query_of(block, i) * mask_.strides[2] + key * mask_.strides[3];
}

template <typename Real>
void Attention<Real>::apply_mask(Real* row, int64_t offset, int64_t count) const {
  constexpr Real kHidden = std::numeric_limits<Real>::lowest();
  const bool one = mask_.strides[3] == 0;
  if (mask_.is_bool) {
    const bool* seen = reinterpret_cast<const bool*>(mask_.data) + offset;
    for (int64_t j = 0; j < count; ++j) row[j] = seen[one ? 0 : j] ? row[j] : kHidden;
  } else {
    const Real* more = reinterpret_cast<const Real*>(mask_.data) + offset;
    for (int64_t j = 0; j < count; ++j) row[j] += more[one ? 0 : j];
  }
}

template <typename Real>
void Attention<Real>::scores(const RowBlock& block, int64_t first, int64_t count,
                             TileMatrix<const Real> keys_tile, TileMatrix<Real> out) const {
  const Real* q = queries.data<Real>() + row_of(block, 0) * sizes.depth;
  multiply<Real>({block.count, count, sizes.depth, false, true, attrs.scale, 0}, {q, sizes.depth},
                 keys_tile, out);
  for (int64_t i = 0; i < block.count; ++i) {
    Real* row = out.data + i * out.stride;
    if (attrs.causal) {
      const int64_t seen = std::clamp<int64_t>(limit(query_of(block, i)) - first, 0, count);
      std::fill(row + seen, row + count, std::numeric_limits<Real>::lowest());
    }
    if (attrs.has_mask) apply_mask(row, mask_offset(block, i, first), count);
  }
}

template <typename Real>
void Attention<Real>::clear_masked(const RowBlock& block, int64_t first, int64_t count,
                                   TileMatrix<Real> grad) const {
  const bool has_bool_mask = attrs.has_mask && mask_.is_bool;
  if (!attrs.causal && !has_bool_mask) return;
  for (int64_t i = 0; i < block.count; ++i) {
    Real* row = grad.data + i * grad.stride;
    if (attrs.causal) {
      const int64_t seen = std::clamp<int64_t>(limit(query_of(block, i)) - first, 0, count);
      std::fill(row + seen, row + count, Real(0));
    }
    if (has_bool_mask) {
      const bool* seen = reinterpret_cast<const bool*>(mask_.data) + mask_offset(block, i, first);
      for (int64_t j = 0; j < count; ++j) {
        if (!seen[j * mask_.strides[3]]) row[j] = 0;
      }
    }
  }
}

template class AttentionOperand<float>;
template class AttentionOperand<double>;
template class Attention<float>;
template class Attention<double>;

}  // namespace mlx::core::cpu
