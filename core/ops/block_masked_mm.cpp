// Products of matrices of which blocks are masked. In each derivative the masks
// change their roles: where the result is masked, its cotangent is, and so on.

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/linalg_matrices.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

constexpr std::string_view kBlockMaskedName = "block_masked_mm";

ShapeElem blocks_in(ShapeElem size, int block) { return (size + block - 1) / block; }

Type infer_block_masked_mm(Inputs in, const Attrs&) {
  Shape shape;
  for (const array& x : in) shape = broadcast_shapes(shape, batch_of(x));
  shape.push_back(in[0].shape(-2));
  shape.push_back(in[1].shape(-1));
  return {std::move(shape), in[0].dtype()};
}

using linalg::adjoint;

// Lets all blocks of a matrix through.
array open_mask(ShapeElem rows, ShapeElem columns, int block, Stream s) {
  return broadcast_to(array(true), {blocks_in(rows, block), blocks_in(columns, block)}, s);
}
array open_mask(const array& x, int block, Stream s) {
  return open_mask(x.shape(-2), x.shape(-1), block, s);
}

// The sums over the blocks of the matrices.
array block_sums(const array& x, int block, Stream s) {
  const ShapeElem rows = blocks_in(x.shape(-2), block), columns = blocks_in(x.shape(-1), block);
  const array whole =
      pad(x, {-2, -1}, {0, 0}, {rows * block - x.shape(-2), columns * block - x.shape(-1)},
          array(0, x.dtype()), "constant", s);
  const array cut = unflatten(unflatten(whole, -1, {columns, block}, s), -3, {rows, block}, s);
  return sum(cut, {-3, -1}, false, s);
}

Arrays vjp_block_masked_mm(const VjpArgs& args) {
  const Stream s = args.stream;
  const int block = args.attrs.get<BlockMaskedMmAttrs>().block;
  const array &a = args.inputs[0], &b = args.inputs[1], &g = args.cotangents[0];
  const array &out = args.inputs[2], &left = args.inputs[3], &right = args.inputs[4];
  const auto product = [&](Arrays inputs) {
    return make_node(kBlockMaskedMm, std::move(inputs), args.attrs, s);
  };
  // Before the mask of a, of b.
  const auto of_a = [&](const array& mask) {
    return product({g, adjoint(b, s), mask, out, adjoint(right, s)});
  };
  const auto of_b = [&](const array& mask) {
    return product({adjoint(a, s), g, mask, adjoint(left, s), out});
  };
  const auto cotangent = [&](int i) {
    if (i == 0) return of_a(left);
    if (i == 1) return of_b(right);
    if (i == 2) {
      const array open = open_mask(g, block, s);
      return block_sums(multiply(g, product({a, b, open, left, right}), s), block, s);
    }
    return i == 3 ? block_sums(multiply(a, of_a(open_mask(a, block, s)), s), block, s)
                  : block_sums(multiply(b, of_b(open_mask(b, block, s)), s), block, s);
  };
  Arrays cotangents;
  for (const int i : args.argnums) {
    const array& input = args.inputs[static_cast<size_t>(i)];
    cotangents.push_back(input.dtype() == bool_ ? zeros_like(input, s)
                                                : sum_to(cotangent(i), input.shape(), s));
  }
  return cotangents;
}

Mapped vmap_block_masked_mm(const VmapArgs& args) {
  return mapped_in_front(
      {make_node(kBlockMaskedMm, aligned_in_front(args), args.attrs, args.stream)});
}

// A mask for matrices of these sizes.
array checked_mask(const std::optional<array>& mask, ShapeElem rows, ShapeElem columns, int block,
                   Dtype dtype, Stream s) {
  if (!mask) return open_mask(rows, columns, block, s);
  const Shape expected{blocks_in(rows, block), blocks_in(columns, block)};
  require(mask->ndim() >= 2, "[", kBlockMaskedName, "] Mask: got shape ", mask->shape(),
          ", expected at least 2 axes.");
  Shape shape = batch_of(*mask);
  shape.insert(shape.end(), expected.begin(), expected.end());
  for (int axis : {-2, -1}) {
    require(mask->shape(axis) == 1 || mask->shape(axis) == shape.end()[axis], "[", kBlockMaskedName,
            "] Mask: got shape ", mask->shape(), ", expected ", expected, " blocks.");
  }
  require(!issubdtype(mask->dtype(), complexfloating), "[", kBlockMaskedName,
          "] Mask: got complex64, expected bool or real numbers.");
  return broadcast_to(mask->dtype() == bool_ ? *mask : astype(*mask, dtype, s), shape, s);
}

}  // namespace

constinit const Op kBlockMaskedMm{.name = "BlockMaskedMM",
                                  .infer = infer_block_masked_mm,
                                  .vjp = vjp_block_masked_mm,
                                  .vmap = vmap_block_masked_mm,
                                  .holds_sizes = kAlways};

array block_masked_mm(array a, array b, int block_size, std::optional<array> mask_out,
                      std::optional<array> mask_lhs, std::optional<array> mask_rhs,
                      StreamOrDevice s) {
  require(block_size == 32 || block_size == 64, "[", kBlockMaskedName, "] Block size: got ",
          block_size, ", expected 32 or 64.");
  const Stream stream = to_stream(std::move(s));
  const auto [left, right, vectors] = as_matrices(kBlockMaskedName, a, b, stream);
  const Dtype dtype = result_type(a, b);
  require(issubdtype(dtype, floating), "[", kBlockMaskedName, "] Dtype: got ", a.dtype(), " and ",
          b.dtype(), ", expected a real floating-point result.");
  check_product(kBlockMaskedName, left, right);
  const ShapeElem m = left.shape(-2), k = left.shape(-1), n = right.shape(-1);
  const array product = make_node(kBlockMaskedMm,
                                  {astype(left, dtype, stream), astype(right, dtype, stream),
                                   checked_mask(mask_out, m, n, block_size, dtype, stream),
                                   checked_mask(mask_lhs, m, k, block_size, dtype, stream),
                                   checked_mask(mask_rhs, k, n, block_size, dtype, stream)},
                                  Attrs(BlockMaskedMmAttrs{block_size}), stream);
  return drop_axes(product, vectors, stream);
}

}  // namespace mlx::core
