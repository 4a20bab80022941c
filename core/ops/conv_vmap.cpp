// The vmap rules of convolutions. A mapped input is more images; mapped
// weights are more channels of each group; both together are more groups.

#include "mlx/core/ops/conv_ops.h"
#include "mlx/core/ops/mapping.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

// A mapped input with the mapped axis merged into `axis`, each of whose
// `groups` equal parts holds the part of every mapped element.
array merged_into(const VmapArgs& args, size_t input, int axis, int groups) {
  const Stream s = args.stream;
  const array x = in_front(args, input);
  const ShapeElem size = x.shape(axis + 1);
  const array parts = unflatten(x, axis + 1, {groups, size / groups}, s);
  return flatten(moveaxis(parts, 0, axis + 1, s), axis, axis + 2, s);
}

// The way back, for a result whose `axis` has merged mapped elements.
Mapped split_off(const array& merged, int axis, int groups, ShapeElem mapped, Stream s) {
  const ShapeElem size = merged.shape(axis) / (groups * mapped);
  const array parts = unflatten(merged, axis, {groups, mapped, size}, s);
  const array out = flatten(moveaxis(parts, axis + 1, 0, s), axis + 1, axis + 2, s);
  return mapped_in_front({out});
}

ConvAttrs with_groups(ConvAttrs conv, ShapeElem times) {
  conv.groups *= static_cast<int>(times);
  return conv;
}

int last_axis(const array& x) { return static_cast<int>(x.ndim()) - 1; }

}  // namespace

Mapped vmap_convolution(const VmapArgs& args) {
  const Stream s = args.stream;
  const auto& conv = args.attrs.get<ConvAttrs>();
  const ShapeElem mapped = mapped_size(args);
  const auto convolve = [&](const array& input, const array& weight, ConvAttrs attrs) {
    return make_node(kConvolution, {input, weight}, Attrs(std::move(attrs)), s);
  };
  if (!is_mapped(args, 1)) {
    const array images = merged_into(args, 0, 0, 1);
    return split_off(convolve(images, args.inputs[1], conv), 0, 1, mapped, s);
  }
  if (!is_mapped(args, 0)) {
    const array out = convolve(args.inputs[0], merged_into(args, 1, 0, conv.groups), conv);
    return split_off(out, last_axis(out), conv.groups, mapped, s);
  }
  const array images = merged_into(args, 0, last_axis(args.inputs[0]) - 1, 1);
  const array out = convolve(images, merged_into(args, 1, 0, 1), with_groups(conv, mapped));
  return split_off(out, last_axis(out), 1, mapped, s);
}

// Sums over images, so that these cannot be more. The input's channels of a
// group are the result's last axis, the cotangent's all groups are its first.
Mapped vmap_weight_grad(const VmapArgs& args) {
  const Stream s = args.stream;
  const auto& [conv, kernel] = args.attrs.get<ConvWeightGradAttrs>();
  const ShapeElem mapped = mapped_size(args);
  const auto weight_grad = [&, &shape = kernel](const array& input, const array& g,
                                                ConvAttrs attrs) {
    return make_node(kConvolutionWeightGrad, {input, g},
                     Attrs(ConvWeightGradAttrs{std::move(attrs), shape}), s);
  };
  const int channels = static_cast<int>(conv.stride.size()) + 1;
  if (!is_mapped(args, 1)) {
    const array out =
        weight_grad(merged_into(args, 0, channels, conv.groups), args.inputs[1], conv);
    return split_off(out, channels, 1, mapped, s);
  }
  if (!is_mapped(args, 0)) {
    const array out =
        weight_grad(args.inputs[0], merged_into(args, 1, channels, conv.groups), conv);
    return split_off(out, 0, conv.groups, mapped, s);
  }
  const array out = weight_grad(merged_into(args, 0, channels, 1),
                                merged_into(args, 1, channels, 1), with_groups(conv, mapped));
  return split_off(out, 0, 1, mapped, s);
}

}  // namespace mlx::core
