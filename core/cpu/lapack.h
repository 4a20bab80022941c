#pragma once

// LAPACK by overloads, and what its callers share. LAPACK numbers elements down
// the columns: our row-major matrix is its transpose there.

#include <lapacke.h>

#include <algorithm>
#include <atomic>
#include <complex>
#include <limits>
#include <string_view>
#include <type_traits>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/cpu/parallel.h"
#include "mlx/core/cpu/scratch.h"

namespace mlx::core::cpu {

using Int = lapack_int;
using ComplexFloat = std::complex<float>;

inline lapack_complex_float* lapack(ComplexFloat* x) {
  return reinterpret_cast<lapack_complex_float*>(x);
}

/// A number of rows or columns. Errors: std::invalid_argument if it does not fit LAPACK's integers.
Int lapack_size(int64_t n, std::string_view op);

/// Writes the transpose of [rows, columns] elements, whose rows are `pitch` apart, block by block.
template <typename T>
void transpose(const T* a, int64_t rows, int64_t columns, int64_t pitch, T* out) {
  constexpr int64_t kBlock = 16;
  for (int64_t i0 = 0; i0 < rows; i0 += kBlock) {
    for (int64_t j0 = 0; j0 < columns; j0 += kBlock) {
      const int64_t i1 = std::min(rows, i0 + kBlock), j1 = std::min(columns, j0 + kBlock);
      for (int64_t i = i0; i < i1; ++i) {
        for (int64_t j = j0; j < j1; ++j) out[j * rows + i] = a[i * pitch + j];
      }
    }
  }
}

/// A batch of matrices in LAPACK's hands: a copy of ours in `T`.
template <typename T>
class Matrices {
 public:
  /// Errors: std::invalid_argument if a size does not fit LAPACK's integers.
  Matrices(const array& a, std::string_view op);

  Int rows() const { return rows_; }
  Int columns() const { return columns_; }
  int64_t count() const { return count_; }
  T* operator[](int64_t i) { return data_.data() + i * rows_ * columns_; }

 private:
  Int rows_, columns_;
  int64_t count_;
  Scratch<T> data_;
};

/// The first matrix of a batch with which something is wrong.
class Failure {
 public:
  /// `info` as LAPACK returns it: 0 if all is well.
  void note(int64_t matrix, Int info);
  /// Errors: std::runtime_error "[linalg::op] `what` (matrix 3 of the batch, ...)".
  void raise(std::string_view op, std::string_view what) const;

 private:
  std::atomic<int64_t> matrix_ = -1;
  std::atomic<Int> info_ = 0;
};

/// Notes the end of a computation in `out`. LAPACKE's negative codes are elements that are
/// NaN: then so is the result.
template <typename T>
void settle(Failure& failure, int64_t matrix, Int info, T* out, int64_t count) {
  if (info < 0) std::fill_n(out, count, std::numeric_limits<T>::quiet_NaN());
  failure.note(matrix, std::max<Int>(info, 0));
}

/// body(i) for each matrix; small ones on several threads, large ones with LAPACK's own.
template <typename Body>
void for_each_matrix(int64_t count, int64_t size, const Body& body) {
  constexpr int64_t kSmall = 128;
  parallel_for(count, size <= kSmall ? 1 : std::max<int64_t>(count, 1),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) body(i);
               });
}

/// Calls f with a value of the type that LAPACK uses for the dtype.
template <typename F>
void with_real(Dtype dtype, const F& f) {
  dtype == float64 ? f(double{}) : f(float{});
}
template <typename F>
void with_real_or_complex(Dtype dtype, const F& f) {
  dtype == complex64 ? f(ComplexFloat{}) : with_real(dtype, f);
}

template <typename T>
T* data_of(array& a) {
  return static_cast<T*>(a.data<void>());
}

}  // namespace mlx::core::cpu
