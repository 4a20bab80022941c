#pragma once

// Rows in the type that they are computed in, for kernels that work row by row.

#include <atomic>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/cpu/fast_loops.h"
#include "mlx/core/cpu/tile_loops.h"

namespace mlx::core::cpu {

template <typename Real>
const FastLoops<Real>& fast_loops_for() {
  if constexpr (sizeof(Real) == 4) {
    return fast_loops().f32;
  } else {
    return fast_loops().f64;
  }
}

/// The dtype that Real is.
template <typename Real>
Dtype real_dtype() {
  return sizeof(Real) == 4 ? float32 : float64;
}

/// Reads runs of elements of a row-contiguous array as Real.
template <typename Real>
class WideReader {
 public:
  explicit WideReader(const array& x)
      : data_(static_cast<const std::byte*>(x.data<void>())),
        itemsize_(static_cast<int64_t>(x.itemsize())),
        widen_(x.dtype() == real_dtype<Real>()
                   ? nullptr
                   : tile_loops().widen[static_cast<size_t>(narrow_type(x.dtype()))]) {}

  /// `count` elements from `first`, in place or in `scratch`.
  const Real* read(int64_t first, int64_t count, Real* scratch) const {
    const std::byte* from = data_ + first * itemsize_;
    if (widen_ == nullptr) return reinterpret_cast<const Real*>(from);
    widen_(scratch, from, nullptr, nullptr, count);
    return scratch;
  }

 private:
  const std::byte* data_;
  int64_t itemsize_;
  TileLoop widen_;
};

/// Writes them. Large results go past the caches, so that a thread that wrote
/// rows calls fence() before others may read them.
template <typename Real>
class WideWriter {
 public:
  explicit WideWriter(array& x)
      : data_(static_cast<std::byte*>(x.data<void>())),
        itemsize_(static_cast<int64_t>(x.itemsize())),
        streams_(x.nbytes() >= kStreamedBytes),
        narrow_(x.dtype() == real_dtype<Real>()
                    ? nullptr
                    : tile_loops().narrow[static_cast<size_t>(narrow_type(x.dtype()))]) {}

  /// Where to compute `count` elements from `first`: in place or in `scratch`.
  Real* place(int64_t first, Real* scratch) const {
    const bool direct = narrow_ == nullptr && !streams_;
    return direct ? reinterpret_cast<Real*>(data_ + first * itemsize_) : scratch;
  }
  /// Call after them: `scratch` has been filled if it was the place.
  void commit(int64_t first, int64_t count, const Real* scratch) const {
    std::byte* to = data_ + first * itemsize_;
    if (narrow_ != nullptr) {
      narrow_(to, scratch, nullptr, nullptr, count);
    } else if (streams_) {
      tile_loops().stream(to, scratch, count * itemsize_);
    }
  }
  void fence() const {
    if (streams_) std::atomic_thread_fence(std::memory_order_seq_cst);
  }

 private:
  static constexpr size_t kStreamedBytes = size_t{16} << 20;

  std::byte* data_;
  int64_t itemsize_;
  bool streams_;
  TileLoop narrow_;
};

}  // namespace mlx::core::cpu
