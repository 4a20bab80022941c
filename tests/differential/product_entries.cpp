// Products of matrices, plain and quantized, and convolutions.

#include "call.h"
#include "mlx/core/einsum.h"
#include "mlx/core/ops.h"

namespace differential {

using namespace mlx::core;  // NOLINT

namespace {

std::pair<int, int> pair_of(const Call& c, const char* name, int otherwise) {
  const auto values = c.maybe_integers(name).value_or(std::vector<int>{otherwise});
  return {values.front(), values.back()};
}

std::tuple<int, int, int> triple_of(const Call& c, const char* name, int otherwise) {
  const auto values = c.maybe_integers(name).value_or(std::vector<int>{otherwise});
  return values.size() == 3 ? std::tuple{values[0], values[1], values[2]}
                            : std::tuple{values[0], values[0], values[0]};
}

std::vector<int> list_of(const Call& c, const char* name) {
  return c.maybe_integers(name).value_or(std::vector<int>{});
}

Results do_conv_general(const Call& c) {
  return {conv_general(c[0], c[1], list_of(c, "stride"), list_of(c, "padding_lo"),
                       list_of(c, "padding_hi"), list_of(c, "kernel_dilation"),
                       list_of(c, "input_dilation"), c.integer("groups", 1), c.flag("flip"))};
}

#define CONV(name, sizes)                                                                   \
  Entry {                                                                                   \
#name, [](const Call& c) -> Results {                                                     \
      return {name(c[0], c[1], sizes(c, "stride", 1), sizes(c, "padding", 0),                 \
                   sizes(c, "dilation", 1), c.integer("groups", 1))};                         \
    } \
  }
#define CONV_TRANSPOSE(name, sizes)                                                         \
  Entry {                                                                                   \
#name, [](const Call& c) -> Results {                                                     \
      return {name(c[0], c[1], sizes(c, "stride", 1), sizes(c, "padding", 0),                 \
                   sizes(c, "dilation", 1), sizes(c, "output_padding", 0),                    \
                   c.integer("groups", 1))};                                                  \
    } \
  }

int one_of(const Call& c, const char* name, int otherwise) { return c.integer(name, otherwise); }

const Entry kProductEntries[] = {
    FORWARDS(matmul, c[0], c[1]),
    FORWARDS(inner, c[0], c[1]),
    FORWARDS(outer, c[0], c[1]),
    FORWARDS(kron, c[0], c[1]),
    FORWARDS(vecdot, c[0], c[1], c.integer("axis", -1)),
    FORWARDS(addmm, c[0], c[1], c[2], static_cast<float>(c.number("alpha", 1)),
             static_cast<float>(c.number("beta", 1))),
    {"tensordot",
     [](const Call& c) -> Results {
       if (c.has("axes_a"))
         return {tensordot(c[0], c[1], c.integers("axes_a"), c.integers("axes_b"))};
       return {tensordot(c[0], c[1], c.integer("axes", 2))};
     }},
    FORWARDS(einsum, c.text("subscripts"), c.positional()),
    FORWARDS(block_masked_mm, c[0], c[1], c.integer("block_size"), c.maybe("mask_out"),
             c.maybe("mask_lhs"), c.maybe("mask_rhs")),
    FORWARDS(gather_mm, c[0], c[1], c.maybe("lhs_indices"), c.maybe("rhs_indices"),
             c.flag("sorted_indices")),
    FORWARDS(segmented_mm, c[0], c[1], c[2]),
    FORWARDS(hadamard_transform, c[0], c.maybe_number("scale")),
    {"conv_general", do_conv_general},
    CONV(conv1d, one_of),
    CONV(conv2d, pair_of),
    CONV(conv3d, triple_of),
    CONV_TRANSPOSE(conv_transpose1d, one_of),
    CONV_TRANSPOSE(conv_transpose2d, pair_of),
    CONV_TRANSPOSE(conv_transpose3d, triple_of),
    {"quantize",
     [](const Call& c) -> Results {
       return quantize(c[0], c.maybe_integer("group_size"), c.maybe_integer("bits"),
                       c.text("mode", "affine"), c.maybe("global_scale"));
     }},
    FORWARDS(dequantize, c[0], c[1], c.maybe("biases"), c.maybe_integer("group_size"),
             c.maybe_integer("bits"), c.text("mode", "affine"), c.maybe("global_scale"),
             c.maybe_dtype("dtype")),
    FORWARDS(quantized_matmul, c[0], c[1], c[2], c.maybe("biases"), c.flag("transpose", true),
             c.maybe_integer("group_size"), c.maybe_integer("bits"), c.text("mode", "affine")),
    FORWARDS(gather_qmm, c[0], c[1], c[2], c.maybe("biases"), c.maybe("lhs_indices"),
             c.maybe("rhs_indices"), c.flag("transpose", true), c.maybe_integer("group_size"),
             c.maybe_integer("bits"), c.text("mode", "affine")),
    FORWARDS(qqmm, c[0], c[1], c.maybe("scales"), c.maybe_integer("group_size"),
             c.maybe_integer("bits"), c.text("mode", "nvfp4"), c.maybe("global_scale_x"),
             c.maybe("global_scale_w")),
};

}  // namespace

std::span<const Entry> product_entries() { return kProductEntries; }

}  // namespace differential
