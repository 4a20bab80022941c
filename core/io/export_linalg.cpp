// Linear algebra and Fourier transforms.

#include <algorithm>

#include "mlx/core/fft.h"
#include "mlx/core/io/export_table.h"
#include "mlx/core/linalg.h"
#include "mlx/core/ops/fft_ops.h"
#include "mlx/core/ops/linalg_ops.h"

namespace mlx::core::io {
namespace {

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

std::vector<Id> write_own(Lowering& to, const WriteArgs& args) {
  return to.add_all(own_name(args.op), {}, args.in, args.out);
}

std::vector<Id> write_solve_triangular(Lowering& to, const WriteArgs& args) {
  return {to.add(own_name(args.op), {args.attrs.get<TriangleAttrs>().upper}, args.in, args.out[0])};
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
      {&kPseudoInverse, write_own},
      {&kLu, write_own},
      {&kSolve, write_own},
      {&kSolveTriangular, write_solve_triangular},
      {&kDeterminant, write_own},
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
