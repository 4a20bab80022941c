#include "mlx/core/ops/linalg_matrices.h"

#include "mlx/core/linalg.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/resized.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core::linalg {

Shape batch_and(const array& a, std::initializer_list<ShapeElem> sizes) {
  Shape shape(a.shape().begin(), a.shape().end() - 2);
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  return shape;
}

array transposed(const array& a, Stream s) { return swapaxes(a, -1, -2, s); }

array adjoint(const array& a, Stream s) { return conjugate(transposed(a, s), s); }

array symmetric_part(const array& a, Stream s) {
  return multiply(add(a, adjoint(a, s), s), array(0.5, a.dtype()), s);
}

array diagonal_matrix(const array& x, Stream s) {
  const int n = static_cast<int>(x.shape(-1));
  return where(eye(n, n, 0, bool_, s), expand_dims(x, -1, s), array(0, x.dtype()), s);
}

array resized(const array& a, std::initializer_list<ShapeElem> sizes, Stream s) {
  array out = a;
  int axis = static_cast<int>(a.ndim() - sizes.size());
  for (const ShapeElem size : sizes) {
    out = core::resized(out, axis++, size, s);
  }
  return out;
}

array columns(const array& a, ShapeElem from, ShapeElem to, Stream s) {
  Shape start(a.ndim(), 0), stop = a.shape();
  start.back() = from;
  stop.back() = to;
  return slice(a, start, stop, s);
}

array solved_complex(const array& a, const array& b, Stream s) {
  const int n = static_cast<int>(a.shape(-1));
  const array re = real(a, s), im = imag(a, s);
  const array whole =
      concatenate({concatenate({re, negative(im, s)}, -1, s), concatenate({im, re}, -1, s)}, -2, s);
  const array x = solve(whole, concatenate({real(b, s), imag(b, s)}, -2, s), s);
  const Arrays parts = split(x, Shape{n}, -2, s);
  return add(parts[0], multiply(parts[1], array(complex64_t(0, 1)), s), s);
}

array solved_triangular(const array& a, const array& b, bool upper, Stream s) {
  return make_node(kSolveTriangular, {a, b}, Attrs(TriangleAttrs{upper}), s);
}

}  // namespace mlx::core::linalg
