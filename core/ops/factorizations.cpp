// Inverses, equations, triangular factors, determinants: shapes, derivatives, vmap.

#include <algorithm>

#include "mlx/core/base/error.h"
#include "mlx/core/linalg.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/indexing.h"
#include "mlx/core/ops/linalg_matrices.h"
#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"
#include "mlx/core/ops/sort.h"

namespace mlx::core {
namespace {

using linalg::batch_and;
using linalg::solved_triangular;
using linalg::transposed;

Type same_type(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

array triangle(const array& a, bool upper, Stream s) {
  return upper ? triu(a, 0, s) : tril(a, 0, s);
}

// ---- inverses

array inverse_vjp(const array& x, const array& g, Stream s) {
  const array xt = transposed(x, s);
  return negative(matmul(xt, matmul(g, xt, s), s), s);
}

Arrays vjp_inverse(const VjpArgs& args) {
  return {inverse_vjp(args.outputs[0], args.cotangents[0], args.stream)};
}
Mapped vmap_inverse(const VmapArgs& args) { return map_in_front(kInverse, args, args.attrs); }

Arrays vjp_triangular_inverse(const VjpArgs& args) {
  const bool upper = args.attrs.get<TriangleAttrs>().upper;
  const array g = triangle(args.cotangents[0], upper, args.stream);
  return {triangle(inverse_vjp(args.outputs[0], g, args.stream), upper, args.stream)};
}
Mapped vmap_triangular_inverse(const VmapArgs& args) {
  return map_in_front(kTriangularInverse, args, args.attrs);
}

Type infer_pseudo_inverse(Inputs in, const Attrs&) {
  return {batch_and(in[0], {in[0].shape(-1), in[0].shape(-2)}), in[0].dtype()};
}

// Golub and Pereyra 1973.
Arrays vjp_pseudo_inverse(const VjpArgs& args) {
  const Stream s = args.stream;
  const array &a = args.inputs[0], &x = args.outputs[0], &g = args.cotangents[0];
  const array xt = transposed(x, s), gt = transposed(g, s);
  const array gx = matmul(gt, matmul(x, xt, s), s), xg = matmul(matmul(xt, x, s), gt, s);
  const array outside_columns = subtract(gx, matmul(a, matmul(x, gx, s), s), s);
  const array outside_rows = subtract(xg, matmul(matmul(xg, x, s), a, s), s);
  return {add(inverse_vjp(x, g, s), add(outside_columns, outside_rows, s), s)};
}
Mapped vmap_pseudo_inverse(const VmapArgs& args) {
  return map_in_front(kPseudoInverse, args, args.attrs);
}

// ---- Cholesky

// A = L L^T, Murray 2016.
array lower_cholesky_vjp(const array& l, const array& g, Stream s) {
  const array lt = transposed(l, s);
  const array product = matmul(lt, tril(g, 0, s), s);
  const array phi =
      multiply(add(tril(product, 0, s), tril(product, -1, s), s), array(0.5, l.dtype()), s);
  // L^-T phi L^-1
  const array left = solved_triangular(lt, phi, true, s);
  const array both = solved_triangular(lt, transposed(left, s), true, s);
  return linalg::symmetric_part(both, s);
}

Arrays vjp_cholesky(const VjpArgs& args) {
  const Stream s = args.stream;
  const array &factor = args.outputs[0], &g = args.cotangents[0];
  if (!args.attrs.get<TriangleAttrs>().upper) return {lower_cholesky_vjp(factor, g, s)};
  return {lower_cholesky_vjp(transposed(factor, s), transposed(g, s), s)};
}
Mapped vmap_cholesky(const VmapArgs& args) { return map_in_front(kCholesky, args, args.attrs); }

// ---- LU

std::vector<Type> infer_lu(Inputs in, const Attrs&) {
  const ShapeElem m = in[0].shape(-2), n = in[0].shape(-1);
  return {{in[0].shape(), in[0].dtype()},
          {batch_and(in[0], {std::min(m, n)}), uint32},
          {batch_and(in[0], {m}), uint32}};
}

// The square part of a matrix, what is right of it, what is below; one of these is empty.
struct Parts {
  Parts(const array& x, Stream s) : square(x), right(x), below(x) {
    const ShapeElem k = std::min(x.shape(-2), x.shape(-1));
    const Arrays rows = split(x, Shape{k}, -2, s), columns = split(rows[0], Shape{k}, -1, s);
    square = columns[0];
    right = columns[1];
    below = split(rows[1], Shape{k}, -1, s)[0];
  }
  array square, right, below;
};

// With A[rows] = L U, for the square part: L^-T (strictly lower part of L^T gL +
// upper part of gU U^T) U^-T. What is right of it is L^-1 A, what is below A U^-1.
Arrays vjp_lu(const VjpArgs& args) {
  const Stream s = args.stream;
  const Parts factors(args.outputs[0], s), g(args.cotangents[0], s);
  const int k = static_cast<int>(factors.square.shape(-1));
  const array u = triu(factors.square, 0, s);
  const array l = add(tril(factors.square, -1, s), eye(k, k, 0, u.dtype(), s), s);
  const array lt = transposed(l, s);
  const auto times_inverse_ut = [&](const array& x) {
    return transposed(solved_triangular(u, transposed(x, s), true, s), s);
  };
  const array of_l = subtract(matmul(lt, tril(g.square, -1, s), s),
                              matmul(g.right, transposed(factors.right, s), s), s);
  const array of_u = subtract(matmul(triu(g.square, 0, s), transposed(u, s), s),
                              matmul(transposed(factors.below, s), g.below, s), s);
  const array inner = add(tril(of_l, -1, s), triu(of_u, 0, s), s);
  array permuted = times_inverse_ut(solved_triangular(lt, inner, true, s));
  if (factors.right.shape(-1) > 0) {
    permuted = concatenate({permuted, solved_triangular(lt, g.right, true, s)}, -1, s);
  } else if (factors.below.shape(-2) > 0) {
    permuted = concatenate({permuted, times_inverse_ut(g.below)}, -2, s);
  }
  const array back = argsort(args.outputs[2], -1, s);
  return {take_along_axis(permuted, expand_dims(back, -1, s), -2, s)};
}
Mapped vmap_lu(const VmapArgs& args) { return map_in_front(kLu, args, args.attrs); }

// ---- equations

Type infer_solve(Inputs in, const Attrs&) { return {in[1].shape(), in[1].dtype()}; }

Arrays solve_cotangents(const VjpArgs& args, const array& gb, const auto& of_a) {
  Arrays out;
  for (const int argnum : args.argnums) {
    if (argnum == 1) {
      out.push_back(gb);
    } else {
      const array x = transposed(args.outputs[0], args.stream);
      out.push_back(of_a(negative(matmul(gb, x, args.stream), args.stream)));
    }
  }
  return out;
}

Arrays vjp_solve(const VjpArgs& args) {
  const Stream s = args.stream;
  const array gb =
      make_node(kSolve, {transposed(args.inputs[0], s), args.cotangents[0]}, Attrs(), s);
  return solve_cotangents(args, gb, [](const array& ga) { return ga; });
}
Mapped vmap_solve(const VmapArgs& args) {
  return mapped_in_front({make_node(kSolve, all_in_front(args), args.attrs, args.stream)});
}

Arrays vjp_solve_triangular(const VjpArgs& args) {
  const Stream s = args.stream;
  const bool upper = args.attrs.get<TriangleAttrs>().upper;
  const array gb = solved_triangular(transposed(args.inputs[0], s), args.cotangents[0], !upper, s);
  return solve_cotangents(args, gb, [&](const array& ga) { return triangle(ga, upper, s); });
}
Mapped vmap_solve_triangular(const VmapArgs& args) {
  return mapped_in_front(
      {make_node(kSolveTriangular, all_in_front(args), args.attrs, args.stream)});
}

// ---- determinants

Type infer_determinant(Inputs in, const Attrs&) { return {batch_and(in[0], {}), in[0].dtype()}; }

// The product of all elements but one, for each: without dividing, since it may be 0.
array products_of_others(const array& x, Stream s) {
  return multiply(cumprod(x, -1, false, false, std::nullopt, s),
                  cumprod(x, -1, true, false, std::nullopt, s), s);
}

// The matrix of cofactors, which a singular matrix has too.
Arrays vjp_determinant(const VjpArgs& args) {
  const Stream s = args.stream;
  const Arrays usv = make_nodes(kSvd, {args.inputs[0]}, Attrs(VectorsAttrs{true}), s);
  const auto sign = [&](const array& x) { return make_node(kDeterminant, {x}, Attrs(), s); };
  const array orientation = multiply(sign(usv[0]), sign(usv[2]), s);
  const array scale = multiply(args.cotangents[0], orientation, s);
  const array values = multiply(products_of_others(usv[1], s), expand_dims(scale, -1, s), s);
  return {matmul(multiply(usv[0], expand_dims(values, -2, s), s), usv[2], s)};
}
Mapped vmap_determinant(const VmapArgs& args) {
  return map_in_front(kDeterminant, args, args.attrs);
}

}  // namespace

constinit const Op kInverse{
    .name = "Inverse", .infer = same_type, .vjp = vjp_inverse, .vmap = vmap_inverse};
constinit const Op kTriangularInverse{.name = "TriangularInverse",
                                      .infer = same_type,
                                      .vjp = vjp_triangular_inverse,
                                      .vmap = vmap_triangular_inverse};
constinit const Op kPseudoInverse{.name = "PseudoInverse",
                                  .infer = infer_pseudo_inverse,
                                  .vjp = vjp_pseudo_inverse,
                                  .vmap = vmap_pseudo_inverse};
constinit const Op kCholesky{
    .name = "Cholesky", .infer = same_type, .vjp = vjp_cholesky, .vmap = vmap_cholesky};
constinit const Op kLu{.name = "LUF", .infer_all = infer_lu, .vjp = vjp_lu, .vmap = vmap_lu};
constinit const Op kSolve{
    .name = "Solve", .infer = infer_solve, .vjp = vjp_solve, .vmap = vmap_solve};
constinit const Op kSolveTriangular{.name = "SolveTriangular",
                                    .infer = infer_solve,
                                    .vjp = vjp_solve_triangular,
                                    .vmap = vmap_solve_triangular};
constinit const Op kDeterminant{.name = "Determinant",
                                .infer = infer_determinant,
                                .vjp = vjp_determinant,
                                .vmap = vmap_determinant};

}  // namespace mlx::core
