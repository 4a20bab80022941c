#pragma once

// The ops behind quantized.h, and the rules that they share.

#include <optional>
#include <string>
#include <string_view>

#include "mlx/core/graph/op.h"

namespace mlx::core {

enum class QuantMode : uint8_t { affine, mxfp4, mxfp8, nvfp4 };

/// How a matrix is quantized.
struct QuantFormat {
  QuantMode mode;
  int group;  ///< elements that share a scale
  int bits;
  bool operator==(const QuantFormat&) const = default;

  bool has_biases() const { return mode == QuantMode::affine; }
  /// Elements in `words` uint32.
  ShapeElem elements(ShapeElem words) const { return words * 32 / bits; }
  ShapeElem words(ShapeElem elements) const { return elements * bits / 32; }
};

/// A global scale g stands for the factor g / kGlobalScaleRange: the largest products of an
/// e4m3 scale and an e2m1 element.
inline constexpr float kGlobalScaleRange = 448 * 6;

struct QuantAttrs {
  QuantFormat format;
  bool operator==(const QuantAttrs&) const = default;
};
struct DequantAttrs {
  QuantFormat format;
  Dtype dtype;
  bool operator==(const DequantAttrs&) const = default;
};
struct QuantMatmulAttrs {
  QuantFormat format;
  bool transpose;
  bool operator==(const QuantMatmulAttrs&) const = default;
};
struct Fp8Attrs {
  Dtype dtype;
  bool operator==(const Fp8Attrs&) const = default;
};

/// Inputs: the matrix, its global scale if it has one.
extern const Op kQuantize;
/// Inputs: packed matrix, scales, biases if affine, its global scale if it has one.
extern const Op kDequantize;
/// What is left of the input after quantize and dequantize: float32. Its derivative is that of
/// the identity ("straight-through"). Inputs: as quantize.
extern const Op kRoundTrip;
/// Inputs: x, packed matrix, scales, biases if affine; all with two axes or more.
extern const Op kQuantizedMatmul;
/// The same, then the indices of x and of the matrix, of one shape.
extern const Op kGatherQmm;
extern const Op kToFp8;
extern const Op kFromFp8;

/// The format that a call asks for. Errors: std::invalid_argument.
QuantFormat quant_format(std::string_view op, const std::string& mode,
                         std::optional<int> group_size, std::optional<int> bits);

/// Errors: std::invalid_argument unless the arrays can be a matrix of that format.
void check_packed(std::string_view op, const QuantFormat& format, const array& w,
                  const array& scales, const std::optional<array>& biases);
void check_global_scale(std::string_view op, const QuantFormat& format,
                        const std::optional<array>& scale);

/// The codes of affine elements as float32, and the sums of x over the groups of the last axis.
array quantized_codes(const QuantFormat& format, const array& w, Stream s);
array group_sums(const QuantFormat& format, const array& x, Stream s);

}  // namespace mlx::core
