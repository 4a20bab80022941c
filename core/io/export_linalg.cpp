// Linear algebra and Fourier transforms.

#include <algorithm>

#include "mlx/core/fft.h"
#include "mlx/core/io/export_table.h"
#include "mlx/core/linalg.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/fft_ops.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/utils.h"

namespace mlx::core::io {
namespace {

// ---- what MLX computes otherwise, in its operations

Arrays formula_pseudo_inverse(Inputs in, const Attrs&, Stream s) {
  const array& a = in[0];
  const auto usv = linalg::svd(a, true, s);
  const ShapeElem m = a.shape(-2), n = a.shape(-1), k = std::min(m, n);
  const double range = finfo(a.dtype()).eps * static_cast<double>(std::max(m, n));
  const array& values = usv[1];
  const array cutoff = multiply(max(values, -1, true, s), array(range, values.dtype()), s);
  const array inverses =
      where(greater(values, cutoff, s), reciprocal(values, s), array(0, values.dtype()), s);
  const array u = split(usv[0], Shape{k}, -1, s)[0], vt = split(usv[2], Shape{k}, -2, s)[0];
  const array v = multiply(swapaxes(vt, -1, -2, s), expand_dims(inverses, -2, s), s);
  return {matmul(v, swapaxes(u, -1, -2, s), s)};
}

Arrays formula_solve(Inputs in, const Attrs&, Stream s) {
  return {matmul(linalg::inv(in[0], s), in[1], s)};
}

Arrays formula_solve_triangular(Inputs in, const Attrs& attrs, Stream s) {
  return {matmul(linalg::tri_inv(in[0], attrs.get<TriangleAttrs>().upper, s), in[1], s)};
}

// From a = Q R, where det Q, the product of its eigenvalues, is 1 or -1.
Arrays formula_determinant(Inputs in, const Attrs&, Stream s) {
  const auto [q, r] = linalg::qr(in[0], s);
  const array values = linalg::eigvals(q, s);
  array product = array(1, in[0].dtype());
  array turn = array(complex64_t(1, 0));
  for (ShapeElem i = 0; i < in[0].shape(-1); ++i) {
    const int at = static_cast<int>(i);
    product = multiply(product, take(take(r, at, -1, s), at, -1, s), s);
    turn = multiply(turn, take(values, at, -1, s), s);
  }
  return {multiply(product, astype(sign(real(turn, s), s), product.dtype(), s), s)};
}

// ---- writing

std::vector<Id> write_vectors(Lowering& to, const WriteArgs& args) {
  return to.add_all(args.op.name, {args.attrs.get<VectorsAttrs>().vectors}, args.in, args.out);
}

std::vector<Id> write_eigh(Lowering& to, const WriteArgs& args) {
  const auto& [upper, vectors] = args.attrs.get<EighAttrs>();
  return to.add_all("Eigh", {std::string(upper ? "U" : "L"), vectors}, args.in, args.out);
}

std::vector<Id> write_qr(Lowering& to, const WriteArgs& args) {
  return to.add_all("QRF", {}, args.in, args.out);
}

std::vector<Id> write_cholesky(Lowering& to, const WriteArgs& args) {
  return {to.add("Cholesky", {args.attrs.get<TriangleAttrs>().upper}, args.in, args.out[0])};
}

std::vector<Id> write_lu(Lowering& to, const WriteArgs& args) {
  return to.add_all(own_name(args.op), {}, args.in, args.out);
}

std::vector<Id> write_solve_triangular(Lowering& to, const WriteArgs& args) {
  return to.add_as(formula_solve_triangular, args.op, args.attrs,
                   {args.attrs.get<TriangleAttrs>().upper}, args.in, args.out);
}

std::vector<Id> write_inverse(Lowering& to, const WriteArgs& args) {
  const bool triangular = &args.op == &kTriangularInverse;
  const bool upper = triangular ? args.attrs.get<TriangleAttrs>().upper : true;
  return {to.add("Inverse", {triangular, upper}, args.in, args.out[0])};
}

// MLX's divides by the size if it is inverse; another scale is a product of its own.
std::vector<Id> write_fft(Lowering& to, const WriteArgs& args) {
  const auto& fft = args.attrs.get<FftAttrs>();
  const bool inverse_there = fft.inverse;
  const Shape& full = fft.kind == FftKind::to_real ? args.out[0].shape : to.shape(args.in[0]);
  double count = 1;
  for (const int axis : fft.axes) count *= static_cast<double>(full[axis]);
  const double scale = fft.scale * (inverse_there ? count : 1);
  const std::vector<size_t> axes(fft.axes.begin(), fft.axes.end());
  const Id x = to.add("FFT", {axes, inverse_there, fft.kind != FftKind::complex, false}, args.in,
                      args.out[0]);
  if (scale == 1) {
    return {x};
  }
  const Type& type = args.out[0];
  return {to.add("Multiply", {},
                 to.broadcast_together({x, to.scalar(scale, type.dtype)}, type.shape), type)};
}

// ---- reading

Arrays pair(std::pair<array, array> both) {
  return {std::move(both.first), std::move(both.second)};
}

Arrays read_eig(const ReadArgs& args) {
  return args.flag(0) ? pair(linalg::eig(args.in[0])) : Arrays{linalg::eigvals(args.in[0])};
}

Arrays read_eigh(const ReadArgs& args) {
  const auto& triangle = args.get<std::string>(0);
  return args.flag(1) ? pair(linalg::eigh(args.in[0], triangle))
                      : Arrays{linalg::eigvalsh(args.in[0], triangle)};
}

Arrays read_inverse(const ReadArgs& args) {
  return {args.flag(0) ? linalg::tri_inv(args.in[0], args.flag(1)) : linalg::inv(args.in[0])};
}

// The three results of the factorization, of which lu_factor gives two.
Arrays read_lu(const ReadArgs& args) {
  const array packed = linalg::lu_factor(args.in[0]).first;
  return packed.outputs();
}

Arrays read_fft(const ReadArgs& args) {
  const auto& given = args.get<std::vector<size_t>>(0);
  const array& x = args.in[0];
  const bool inverse = args.flag(1), real = args.flag(2);
  const size_t rank = x.ndim();
  require(!args.flag(3) && !given.empty() && args.out[0].shape.size() == rank &&
              std::all_of(given.begin(), given.end(), [&](size_t axis) { return axis < rank; }),
          "[import_function] Axes of FFT: got one out of range for ", rank, " axes.");
  const std::vector<int> axes(given.begin(), given.end());
  if (real && inverse) {
    Shape sizes;
    for (const int axis : axes) sizes.push_back(args.out[0].shape[axis]);
    return {fft::irfftn(x, sizes, axes)};
  }
  return {real ? fft::rfftn(x, axes) : inverse ? fft::ifftn(x, axes) : fft::fftn(x, axes)};
}

}  // namespace

std::span<const WriteRow> linalg_writers() {
  static constexpr WriteRow kRows[] = {
      {&kSvd, write_vectors},
      {&kEig, write_vectors},
      {&kEigh, write_eigh},
      {&kQr, write_qr},
      {&kInverse, write_inverse},
      {&kTriangularInverse, write_inverse},
      {&kCholesky, write_cholesky},
      {&kPseudoInverse, write_as<formula_pseudo_inverse>},
      {&kLu, write_lu},
      {&kSolve, write_as<formula_solve>},
      {&kSolveTriangular, write_solve_triangular},
      {&kDeterminant, write_as<formula_determinant>},
      {&kFft, write_fft},
  };
  return kRows;
}

std::span<const ReadRow> linalg_readers() {
  static constexpr ReadRow kRows[] = {
      {"SVD", "b", 1, 1,
       [](const ReadArgs& a) -> Arrays { return linalg::svd(a.in[0], a.flag(0), {}); }},
      {"QRF", "", 1, 1, [](const ReadArgs& a) -> Arrays { return pair(linalg::qr(a.in[0])); }},
      {"Eig", "b", 1, 1, read_eig},
      {"Eigh", "Sb", 1, 1, read_eigh},
      {"Inverse", "bb", 1, 1, read_inverse},
      {"Cholesky", "b", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {linalg::cholesky(a.in[0], a.flag(0))}; }},
      {"collective::PseudoInverse", "", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {linalg::pinv(a.in[0])}; }},
      {"collective::LUF", "", 1, 1, read_lu},
      {"collective::Solve", "", 2, 2,
       [](const ReadArgs& a) -> Arrays { return {linalg::solve(a.in[0], a.in[1])}; }},
      {"collective::SolveTriangular", "b", 2, 2,
       [](const ReadArgs& a) -> Arrays {
         return {linalg::solve_triangular(a.in[0], a.in[1], a.flag(0))};
       }},
      {"collective::Determinant", "", 1, 1,
       [](const ReadArgs& a) -> Arrays { return {linalg::det(a.in[0])}; }},
      {"FFT", "Ubbb", 1, 1, read_fft},
  };
  return kRows;
}

}  // namespace mlx::core::io
