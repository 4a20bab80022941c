// Decompositions into factors: shapes, derivatives, vmap.

#include <algorithm>

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/linalg_matrices.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

Dtype real_of(Dtype dtype) { return dtype == complex64 ? float32 : dtype; }

// 1 / (x[j] - x[i]), and 0 where they are equal: there vectors are no function
// of the matrix.
array inverse_differences(const array& x, Stream s) {
  const array d = subtract(expand_dims(x, -2, s), expand_dims(x, -1, s), s);
  const array same = equal(d, array(0, x.dtype()), s);
  return where(same, array(0, x.dtype()),
               divide(array(1, x.dtype()), where(same, array(1, x.dtype()), d, s), s), s);
}

// ---- singular values

std::vector<Type> infer_svd(Inputs in, const Attrs& attrs) {
  const Dtype dtype = in[0].dtype();
  const ShapeElem m = in[0].shape(-2), n = in[0].shape(-1);
  Type values{linalg::batch_and(in[0], {std::min(m, n)}), real_of(dtype)};
  if (!attrs.get<VectorsAttrs>().vectors) return {std::move(values)};
  return {Type{linalg::batch_and(in[0], {m, m}), dtype}, std::move(values),
          Type{linalg::batch_and(in[0], {n, n}), dtype}};
}

// With dP = U* dA V and s filled up with zeros, dU = U W where W[i][j] =
// (dP[i][j] s[j] + s[i] conj(dP[j][i])) / (s[j]^2 - s[i]^2), and dV alike; this is
// the adjoint (Giles 2008, for the square case).
array rotation_cotangent(const array& x, const array& g, const array& s, Stream stream) {
  const array f = inverse_differences(square(s, stream), stream);
  const array product = matmul(linalg::adjoint(x, stream), g, stream);
  return multiply(f, subtract(product, linalg::adjoint(product, stream), stream), stream);
}

// Of complex vectors: U turns in its own directions too, W[i][i] = i Im(dP[i][i]) / s[i],
// as far as results do not depend on the phases.
array phase_cotangent(const array& u, const array& g, const array& values, Stream s) {
  const ShapeElem k = values.shape(-1);
  const array along = sum(multiply(conjugate(u, s), g, s), -2, false, s);
  const array turn = divide(linalg::resized(imag(along, s), {k}, s), values, s);
  return multiply(turn, array(complex64_t(0, 1)), s);
}

Arrays vjp_svd(const VjpArgs& args) {
  const array& a = args.inputs[0];
  const Stream s = args.stream;
  const ShapeElem m = a.shape(-2), n = a.shape(-1);
  const bool vectors = args.attrs.get<VectorsAttrs>().vectors;
  const Arrays usv = vectors ? Arrays(args.outputs.begin(), args.outputs.end())
                             : make_nodes(kSvd, {a}, Attrs(VectorsAttrs{true}), s);
  const array &u = usv[0], &values = usv[1], &vt = usv[2];
  const array g_values = args.cotangents[vectors ? 1 : 0];
  array diagonal = g_values;
  if (vectors && a.dtype() == complex64) {
    diagonal = add(g_values, phase_cotangent(u, args.cotangents[0], values, s), s);
  }
  array inner = linalg::resized(linalg::diagonal_matrix(diagonal, s), {m, n}, s);
  if (vectors) {
    const array s_m = linalg::resized(values, {m}, s), s_n = linalg::resized(values, {n}, s);
    const array of_u =
        multiply(rotation_cotangent(u, args.cotangents[0], s_m, s), expand_dims(s_m, -2, s), s);
    const array of_v = multiply(
        expand_dims(s_n, -1, s),
        rotation_cotangent(linalg::adjoint(vt, s), linalg::adjoint(args.cotangents[2], s), s_n, s),
        s);
    inner =
        add(inner, add(linalg::resized(of_u, {m, n}, s), linalg::resized(of_v, {m, n}, s), s), s);
  }
  return {matmul(u, matmul(inner, vt, s), s)};
}

Mapped vmap_svd(const VmapArgs& args) { return map_in_front(kSvd, args, args.attrs); }

// ---- eigenvalues

std::vector<Type> infer_eigh(Inputs in, const Attrs& attrs) {
  const Dtype dtype = in[0].dtype();
  const ShapeElem n = in[0].shape(-1);
  std::vector<Type> out{{linalg::batch_and(in[0], {n}), real_of(dtype)}};
  if (attrs.get<EighAttrs>().vectors) out.push_back({linalg::batch_and(in[0], {n, n}), dtype});
  return out;
}

Arrays vjp_eigh(const VjpArgs& args) {
  const array& a = args.inputs[0];
  const Stream s = args.stream;
  EighAttrs attrs = args.attrs.get<EighAttrs>();
  const bool vectors = attrs.vectors;
  attrs.vectors = true;
  const Arrays wv = vectors ? Arrays(args.outputs.begin(), args.outputs.end())
                            : make_nodes(kEigh, {a}, Attrs(attrs), s);
  const array &w = wv[0], &v = wv[1], vt = linalg::adjoint(v, s);
  array inner = linalg::diagonal_matrix(args.cotangents[0], s);
  if (vectors) {
    inner =
        add(inner, multiply(inverse_differences(w, s), matmul(vt, args.cotangents[1], s), s), s);
  }
  return {linalg::symmetric_part(matmul(v, matmul(inner, vt, s), s), s)};
}

Mapped vmap_eigh(const VmapArgs& args) { return map_in_front(kEigh, args, args.attrs); }

std::vector<Type> infer_eig(Inputs in, const Attrs& attrs) {
  const ShapeElem n = in[0].shape(-1);
  std::vector<Type> out{{linalg::batch_and(in[0], {n}), complex64}};
  if (attrs.get<VectorsAttrs>().vectors)
    out.push_back({linalg::batch_and(in[0], {n, n}), complex64});
  return out;
}

// dV = V W with W[i][j] = dP[i][j] / (w[j] - w[i]) for dP = V^-1 dA V, where W[i][i]
// keeps the length of the column at 1; this is the adjoint.
Arrays vjp_eig(const VjpArgs& args) {
  const array& a = args.inputs[0];
  const Stream s = args.stream;
  const bool vectors = args.attrs.get<VectorsAttrs>().vectors;
  const Arrays wv = vectors ? Arrays(args.outputs.begin(), args.outputs.end())
                            : make_nodes(kEig, {a}, Attrs(VectorsAttrs{true}), s);
  const array &w = wv[0], &v = wv[1], vt = linalg::adjoint(v, s);
  array inner = linalg::diagonal_matrix(args.cotangents[0], s);
  if (vectors) {
    const array& g = args.cotangents[1];
    const array along = real(sum(multiply(conjugate(v, s), g, s), -2, true, s), s);
    const array across = matmul(vt, subtract(g, multiply(v, along, s), s), s);
    inner = add(inner, multiply(inverse_differences(conjugate(w, s), s), across, s), s);
  }
  const array of_a = linalg::solved_complex(vt, matmul(inner, vt, s), s);
  return {astype(a.dtype() == complex64 ? of_a : real(of_a, s), a.dtype(), s)};
}

Mapped vmap_eig(const VmapArgs& args) { return map_in_front(kEig, args, args.attrs); }

// ---- QR

std::vector<Type> infer_qr(Inputs in, const Attrs&) {
  const ShapeElem m = in[0].shape(-2), n = in[0].shape(-1), k = std::min(m, n);
  return {{linalg::batch_and(in[0], {m, k}), in[0].dtype()},
          {linalg::batch_and(in[0], {k, n}), in[0].dtype()}};
}

// Of a matrix with at least as many rows as columns (Walter and Lehmann 2018).
array tall_qr_vjp(const array& q, const array& r, const array& gq, const array& gr, Stream s) {
  const array m =
      subtract(matmul(r, linalg::transposed(gr, s), s), matmul(linalg::transposed(gq, s), q, s), s);
  const array lower = tril(m, -1, s);
  const array symmetric = add(tril(m, 0, s), linalg::transposed(lower, s), s);
  const array y = add(gq, matmul(q, symmetric, s), s);
  // y R^-T
  return linalg::transposed(linalg::solved_triangular(r, linalg::transposed(y, s), true, s), s);
}

Arrays vjp_qr(const VjpArgs& args) {
  const Stream s = args.stream;
  const array &a = args.inputs[0], &q = args.outputs[0], &r = args.outputs[1];
  const array &gq = args.cotangents[0], &gr = args.cotangents[1];
  const ShapeElem m = a.shape(-2), n = a.shape(-1);
  if (m >= n) return {tall_qr_vjp(q, r, gq, gr, s)};
  // [X Y] = Q [U W] with square X: W = Q^T Y.
  const auto columns = [&](const array& x, ShapeElem from, ShapeElem to) {
    return linalg::columns(x, from, to, s);
  };
  const array y = columns(a, m, n), gw = columns(gr, m, n);
  const array gx =
      tall_qr_vjp(q, columns(r, 0, m), add(gq, matmul(y, linalg::transposed(gw, s), s), s),
                  columns(gr, 0, m), s);
  return {concatenate({gx, matmul(q, gw, s)}, -1, s)};
}

Mapped vmap_qr(const VmapArgs& args) { return map_in_front(kQr, args, args.attrs); }

}  // namespace

constinit const Op kSvd{.name = "SVD", .infer_all = infer_svd, .vjp = vjp_svd, .vmap = vmap_svd};
constinit const Op kEigh{
    .name = "Eigh", .infer_all = infer_eigh, .vjp = vjp_eigh, .vmap = vmap_eigh};
constinit const Op kEig{.name = "Eig", .infer_all = infer_eig, .vjp = vjp_eig, .vmap = vmap_eig};
constinit const Op kQr{.name = "QRF", .infer_all = infer_qr, .vjp = vjp_qr, .vmap = vmap_qr};

}  // namespace mlx::core
