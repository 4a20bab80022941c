// The Hadamard transform.

#include <bit>
#include <cmath>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/matmul.h"
#include "mlx/core/ops/matmul_ops.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

Type infer_hadamard(Inputs in, const Attrs&) { return {in[0].shape(), in[0].dtype()}; }

Arrays vjp_hadamard(const VjpArgs& args) {
  HadamardAttrs attrs = args.attrs.get<HadamardAttrs>();
  attrs.transposed = !attrs.transposed;
  return {make_node(kHadamard, {args.cotangents[0]}, Attrs(attrs), args.stream)};
}

Arrays jvp_hadamard(const JvpArgs& args) {
  return {make_node(kHadamard, {args.tangents[0]}, args.attrs, args.stream)};
}

Mapped vmap_hadamard(const VmapArgs& args) { return map_in_front(kHadamard, args, args.attrs); }

bool is_hadamard_size(ShapeElem n) {
  for (const ShapeElem m : {1, 12, 20, 28}) {
    if (n % m == 0 && std::has_single_bit(static_cast<uint64_t>(n / m))) return true;
  }
  return false;
}

}  // namespace

constinit const Op kHadamard{.name = "Hadamard",
                             .infer = infer_hadamard,
                             .vjp = vjp_hadamard,
                             .jvp = jvp_hadamard,
                             .vmap = vmap_hadamard,
                             .holds_sizes = kAlways};

array hadamard_transform(const array& a, std::optional<float> scale, StreamOrDevice s) {
  const Stream stream = to_stream(std::move(s));
  const ShapeElem n = a.ndim() == 0 ? 1 : a.shape(-1);
  require(is_hadamard_size(n), "[hadamard_transform] Last axis: got ", n,
          " elements, expected 1, 12, 20 or 28 times a power of two.");
  require(!issubdtype(a.dtype(), complexfloating), "[hadamard_transform] Dtype: got ", a.dtype(),
          ", expected real numbers.");
  const array x = issubdtype(a.dtype(), floating) ? a : astype(a, float32, stream);
  const HadamardAttrs attrs{scale ? *scale : 1 / std::sqrt(static_cast<double>(n)), false};
  const array row = a.ndim() == 0 ? reshape(x, {1}, stream) : x;
  return reshape(make_node(kHadamard, {row}, Attrs(attrs), stream), a.shape(), stream);
}

}  // namespace mlx::core
