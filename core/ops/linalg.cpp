#include <algorithm>

#include "mlx/core/ops/linalg_ops.h"
#include "mlx/core/ops/mapping.h"

namespace mlx::core {
namespace {

std::vector<Type> infer_svd(Inputs in, const Attrs&) {
  const Shape& shape = in[0].shape();
  const Shape batch(shape.begin(), shape.end() - 2);
  const ShapeElem m = in[0].shape(-2);
  const ShapeElem n = in[0].shape(-1);
  const auto with = [&](std::initializer_list<ShapeElem> sizes) {
    Shape out = batch;
    out.insert(out.end(), sizes.begin(), sizes.end());
    return Type{std::move(out), in[0].dtype()};
  };
  return {with({m, m}), with({std::min(m, n)}), with({n, n})};
}

Mapped vmap_svd(const VmapArgs& args) { return map_in_front(kSvd, args, args.attrs); }

}  // namespace

constinit const Op kSvd{.name = "SVD", .infer_all = infer_svd, .vmap = vmap_svd};

}  // namespace mlx::core
