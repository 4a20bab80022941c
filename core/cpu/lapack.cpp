#include "mlx/core/cpu/lapack.h"

#include <cstdint>

#include "mlx/core/base/error.h"
#include "mlx/core/cpu/copy.h"

namespace mlx::core::cpu {

Int lapack_size(int64_t n, std::string_view op) {
  require(n < INT32_MAX, "[linalg::", op, "] Matrix is too large: got ", n,
          " rows or columns, expected less than 2^31.");
  return static_cast<Int>(n);
}

template <typename T>
Matrices<T>::Matrices(const array& a, std::string_view op)
    : rows_(lapack_size(a.shape(-2), op)),
      columns_(lapack_size(a.shape(-1), op)),
      count_(1),
      data_(static_cast<int64_t>(a.size())) {
  for (size_t d = 0; d + 2 < a.ndim(); ++d) count_ *= a.shape()[d];
  copy_to(a, data_.data(), a.dtype());
}

template class Matrices<float>;
template class Matrices<double>;
template class Matrices<ComplexFloat>;

void Failure::note(int64_t matrix, Int info) {
  if (info == 0) return;
  int64_t none = -1;
  if (matrix_.compare_exchange_strong(none, matrix)) info_ = info;
}

void Failure::raise(std::string_view op, std::string_view what) const {
  if (matrix_ < 0) return;
  throw std::runtime_error(concat("[linalg::", op, "] ", what, ": matrix ", matrix_.load(),
                                  " of the batch (LAPACK's code is ", info_.load(), ")."));
}

}  // namespace mlx::core::cpu
