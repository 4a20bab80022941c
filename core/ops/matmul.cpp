#include "mlx/core/ops/matmul.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/axes.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/linalg_matrices.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

// ---- matmul

Type infer_product(std::string_view name, const array& a, const array& b) {
  check_product(name, a, b);
  Shape shape = broadcast_shapes(batch_of(a), batch_of(b));
  shape.push_back(a.shape(-2));
  shape.push_back(b.shape(-1));
  return {std::move(shape), a.dtype()};
}

Type infer_matmul(Inputs in, const Attrs&) { return infer_product("matmul", in[0], in[1]); }

using linalg::adjoint;

// d(ab) = da b + a db: the cotangents are g b* and a* g, summed over the batch
// axes along which the input was broadcast.
array left_cotangent(const array& g, const array& a, const array& b, Stream s) {
  return sum_to(matmul(g, adjoint(b, s), s), a.shape(), s);
}

array right_cotangent(const array& g, const array& a, const array& b, Stream s) {
  const bool folds = b.ndim() == 2 && a.ndim() > 2;
  if (!folds) {
    return sum_to(matmul(adjoint(a, s), g, s), b.shape(), s);
  }
  // One product over all rows of the batch, instead of a batch of them to sum.
  const array rows = flatten(a, 0, -2, s);
  return matmul(adjoint(rows, s), flatten(g, 0, -2, s), s);
}

Arrays vjp_matmul(const VjpArgs& args) {
  const array& a = args.inputs[0];
  const array& b = args.inputs[1];
  const array& g = args.cotangents[0];
  Arrays out;
  for (int i : args.argnums) {
    out.push_back(i == 0 ? left_cotangent(g, a, b, args.stream)
                         : right_cotangent(g, a, b, args.stream));
  }
  return out;
}

Mapped vmap_matmul(const VmapArgs& args) {
  const Stream s = args.stream;
  if (!is_mapped(args, 0) && args.inputs[0].ndim() == 2 && args.inputs[1].ndim() == 3) {
    // One product of more columns, instead of a batch of products.
    const array columns = moveaxis(args.inputs[1], args.axes[1], 1, s);
    const array product = matmul(args.inputs[0], flatten(columns, 1, 2, s), s);
    return {{unflatten(product, 1, {columns.shape(1), columns.shape(2)}, s)}, {1}};
  }
  return mapped_in_front({make_node(kMatmul, aligned_in_front(args), {}, s)});
}

// ---- addmm

Type infer_addmm(Inputs in, const Attrs&) {
  Type type = infer_product("addmm", in[1], in[2]);
  require(in[0].ndim() <= type.shape.size() &&
              broadcast_shapes(in[0].shape(), type.shape) == type.shape,
          "[addmm] c does not broadcast to the product: got shape ", in[0].shape(),
          ", expected one that broadcasts to ", type.shape, ".");
  return type;
}

Arrays vjp_addmm(const VjpArgs& args) {
  const auto [alpha, beta] = args.attrs.get<AddmmAttrs>();
  const array& a = args.inputs[1];
  const array& b = args.inputs[2];
  const auto scaled = [&](float factor) {
    const array& g = args.cotangents[0];
    return factor == 1 ? g : multiply(g, array(factor, g.dtype()), args.stream);
  };
  Arrays out;
  for (int i : args.argnums) {
    if (i == 0) {
      out.push_back(sum_to(scaled(beta), args.inputs[0].shape(), args.stream));
    } else if (i == 1) {
      out.push_back(left_cotangent(scaled(alpha), a, b, args.stream));
    } else {
      out.push_back(right_cotangent(scaled(alpha), a, b, args.stream));
    }
  }
  return out;
}

Mapped vmap_addmm(const VmapArgs& args) {
  const Stream s = args.stream;
  const Arrays in = aligned_in_front(args);
  if (is_mapped(args, 1) || is_mapped(args, 2)) {
    return mapped_in_front({make_node(kAddmm, in, args.attrs, s)});
  }
  // Many addends for one product, which is computed once.
  const auto [alpha, beta] = args.attrs.get<AddmmAttrs>();
  const Dtype dtype = in[0].dtype();
  const array product = multiply(matmul(in[1], in[2], s), array(alpha, dtype), s);
  return mapped_in_front({add(product, multiply(in[0], array(beta, dtype), s), s)});
}

// ---- tensordot

std::vector<int> contracted_axes(const array& x, const std::vector<int>& axes) {
  std::vector<int> out;
  for (int axis : axes) {
    out.push_back(normalize_axis_index(axis, rank_of(x), "[tensordot] "));
    require(std::count(out.begin(), out.end(), out.back()) == 1, "[tensordot] Axis ", axis,
            " is given twice.");
  }
  return out;
}

std::vector<int> other_axes(const array& x, const std::vector<int>& axes) {
  std::vector<int> out;
  for (int i = 0; i < rank_of(x); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      out.push_back(i);
    }
  }
  return out;
}

ShapeElem elements(const array& x, const std::vector<int>& axes) {
  return std::accumulate(axes.begin(), axes.end(), ShapeElem{1},
                         [&](ShapeElem count, int axis) { return count * x.shape(axis); });
}

std::vector<int> joined(std::vector<int> first, const std::vector<int>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

void check_product(std::string_view name, const array& a, const array& b) {
  require(a.shape(-1) == b.shape(-2), "[", name, "] Inner sizes differ: got shapes ", a.shape(),
          " and ", b.shape(), ", expected the last axis of the first as long as the second to last",
          " of the second.");
  for (ShapeElem n : {a.shape(-2), a.shape(-1), b.shape(-1)}) {
    require(n <= std::numeric_limits<int32_t>::max(), "[", name, "] Matrix too large: got ", n,
            " rows or columns, expected fewer than 2^31.");
  }
}

Matrices as_matrices(std::string_view op, const array& a, const array& b, StreamOrDevice s) {
  require(a.ndim() > 0 && b.ndim() > 0, "[", op,
          "] Got a scalar, expected inputs with at least one axis.");
  Matrices out{a, b, {}};
  if (a.ndim() == 1) {
    out.a = expand_dims(a, 0, s);
    out.vectors.push_back(-2);
  }
  if (b.ndim() == 1) {
    out.b = expand_dims(b, 1, s);
    out.vectors.push_back(-1);
  }
  return out;
}

array drop_axes(const array& product, const std::vector<int>& axes, StreamOrDevice s) {
  return axes.empty() ? product : squeeze(product, axes, s);
}

constinit const Op kMatmul{
    .name = "Matmul", .infer = infer_matmul, .vjp = vjp_matmul, .vmap = vmap_matmul};
constinit const Op kAddmm{
    .name = "AddMM", .infer = infer_addmm, .vjp = vjp_addmm, .vmap = vmap_addmm};

array matmul(const array& a, const array& b, StreamOrDevice s) {
  const auto [left, right, vectors] = as_matrices("matmul", a, b, s);
  const Dtype dtype = result_type(a, b);
  require(issubdtype(dtype, inexact), "[matmul] Not defined for integers: got ", a.dtype(), " and ",
          b.dtype(), ", expected a floating-point or complex result.");
  const array product =
      make_node(kMatmul, {astype(left, dtype, s), astype(right, dtype, s)}, Attrs(), to_stream(s));
  return drop_axes(product, vectors, s);
}

array addmm(array c, array a, array b, const float& alpha, const float& beta, StreamOrDevice s) {
  const auto [left, right, vectors] = as_matrices("addmm", a, b, s);
  const Dtype dtype = result_type(a, b, c);
  require(issubdtype(dtype, inexact), "[addmm] Not defined for integers: got ", dtype,
          ", expected a floating-point or complex result.");
  if (dtype == complex64) {
    const array product = matmul(a, b, s);
    const array addend = broadcast_to(c, product.shape(), s);
    return add(multiply(array(alpha), product, s), multiply(array(beta), addend, s), s);
  }
  const auto operand = [&](const array& x) { return astype(x, dtype, s); };
  const auto node = [&, &left = left, &right = right](const array& addend) {
    return make_node(kAddmm, {operand(addend), operand(left), operand(right)},
                     Attrs(AddmmAttrs{alpha, beta}), to_stream(s));
  };
  if (vectors.empty()) {
    return node(c);
  }
  // c broadcasts to the result, which lacks the axes of the vectors.
  Shape shape = infer_product("addmm", left, right).shape;
  for (int axis : vectors) {
    shape.erase(shape.end() + std::max(axis, -static_cast<int>(shape.size())));
  }
  const array addend = expand_dims(broadcast_to(c, shape, s), vectors, s);
  return drop_axes(node(addend), vectors, s);
}

array tensordot(const array& a, const array& b, const int axis, StreamOrDevice s) {
  require(axis >= 0 && axis <= std::min(rank_of(a), rank_of(b)), "[tensordot] Number of axes: got ",
          axis, ", expected 0 to ", std::min(rank_of(a), rank_of(b)), ".");
  std::vector<int> axes_a(static_cast<size_t>(axis));
  std::vector<int> axes_b(static_cast<size_t>(axis));
  std::iota(axes_a.begin(), axes_a.end(), rank_of(a) - axis);
  std::iota(axes_b.begin(), axes_b.end(), 0);
  return tensordot(a, b, axes_a, axes_b, s);
}

array tensordot(const array& a, const array& b, const std::vector<int>& axes_a,
                const std::vector<int>& axes_b, StreamOrDevice s) {
  require(axes_a.size() == axes_b.size(), "[tensordot] Number of axes: got ", axes_a.size(),
          " and ", axes_b.size(), ", expected as many of a as of b.");
  const std::vector<int> inner_a = contracted_axes(a, axes_a);
  const std::vector<int> inner_b = contracted_axes(b, axes_b);
  for (size_t i = 0; i < inner_a.size(); ++i) {
    require(a.shape(inner_a[i]) == b.shape(inner_b[i]), "[tensordot] Contracted axes differ: got ",
            a.shape(inner_a[i]), " and ", b.shape(inner_b[i]), " elements.");
  }
  const std::vector<int> outer_a = other_axes(a, inner_a);
  const std::vector<int> outer_b = other_axes(b, inner_b);
  const ShapeElem contracted = elements(a, inner_a);
  const array left =
      reshape(transpose(a, joined(outer_a, inner_a), s), {elements(a, outer_a), contracted}, s);
  const array right =
      reshape(transpose(b, joined(inner_b, outer_b), s), {contracted, elements(b, outer_b)}, s);
  Shape shape;
  for (int axis : outer_a) {
    shape.push_back(a.shape(axis));
  }
  for (int axis : outer_b) {
    shape.push_back(b.shape(axis));
  }
  return reshape(matmul(left, right, s), std::move(shape), s);
}

array outer(const array& a, const array& b, StreamOrDevice s) {
  return multiply(reshape(a, {static_cast<ShapeElem>(a.size()), 1}, s), flatten(b, s), s);
}

array inner(const array& a, const array& b, StreamOrDevice s) {
  if (a.ndim() == 0 || b.ndim() == 0) {
    return multiply(a, b, s);
  }
  require(a.shape(-1) == b.shape(-1), "[inner] Last axes differ: got shapes ", a.shape(), " and ",
          b.shape(), ".");
  return tensordot(a, b, std::vector<int>{-1}, std::vector<int>{-1}, s);
}

array vecdot(const array& a, const array& b, int axis, StreamOrDevice s) {
  require(a.ndim() > 0 && b.ndim() > 0,
          "[vecdot] Got a scalar, expected inputs with at least one axis.");
  // The axis counts in the result of broadcasting.
  const int ndim = std::max(rank_of(a), rank_of(b));
  const int at = normalize_axis_index(axis, ndim, "[vecdot] ");
  const auto size = [&](const array& x) {
    const int missing = ndim - rank_of(x);
    return at < missing ? 1 : x.shape(at - missing);
  };
  require(size(a) == size(b), "[vecdot] Axis ", axis, " differs: got ", size(a), " and ", size(b),
          " elements.");
  return sum(multiply(conjugate(a, s), b, s), at, false, s);
}

array kron(const array& a, const array& b, StreamOrDevice s) {
  // Axis i of the result runs over a's axis i and, within, over b's.
  const size_t ndim = std::max(a.ndim(), b.ndim());
  Shape shape_a;
  Shape shape_b;
  Shape shape;
  for (size_t i = 0; i < ndim; ++i) {
    const auto size = [&](const array& x) {
      return i + x.ndim() < ndim ? ShapeElem{1} : x.shape()[i + x.ndim() - ndim];
    };
    shape_a.push_back(size(a));
    shape_a.push_back(1);
    shape_b.push_back(1);
    shape_b.push_back(size(b));
    shape.push_back(size(a) * size(b));
  }
  return reshape(multiply(reshape(a, shape_a, s), reshape(b, shape_b, s), s), std::move(shape), s);
}

}  // namespace mlx::core
