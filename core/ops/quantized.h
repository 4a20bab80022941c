#pragma once

// Matrices in a few bits per element, and products with them.
//
// A quantized matrix is packed: groups of consecutive elements of a row share a
// scale, and element k of a row is `bits` bits from bit k * bits of the row on,
// least significant first, as uint32 words. The modes:
//
//   mode     element                        group                bits
//   affine   code * scale + bias            32, 64 (default), 128   1-6, 8 (default 4)
//   mxfp4    e2m1 * scale (e8m0)            32                   4
//   mxfp8    e4m3 * scale (e8m0)            32                   8
//   nvfp4    e2m1 * scale (e4m3)            16                   4
//
// (mx: OCP Microscaling Formats 1.0; e4m3 and e2m1 as there). nvfp4 may have a
// global scale g, a float32 scalar: its elements are e2m1 * scale * g / 2688, where
// g is the largest magnitude of the matrix.
//
// What all have in common:
// Errors: std::invalid_argument for an unknown mode, a group size or number of bits that the mode
//         does not have, scales or biases that do not fit the matrix, a global scale in another
//         mode than nvfp4 or that is not one float32.

#include <optional>
#include <string>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// The packed matrix, its scales, and in mode affine its biases.
///
/// Shapes:  w [..., n, k] -> uint32 [..., n, k * bits / 32], scales and biases [..., n, k / group]
/// Dtypes:  affine: float16, bfloat16 or float32, which scales and biases have too. Others: any
///          floating-point dtype; scales are uint8.
/// Values:  affine: the scale may be negative; the element of largest magnitude is exact. mx: the
///          scale is the power of two nearest to max |w| / largest element. Elements go to the
///          nearest code, ties to the smaller one (e2m1) or to even (affine, e4m3), and saturate,
///          infinities too. A NaN has code 0 in affine and e2m1.
/// Errors:  fewer than two axes; k is not a multiple of the group; integers, complex numbers.
/// Grad:    of scales and biases to w; the codes are constant almost everywhere.
std::vector<array> quantize(const array& w, std::optional<int> group_size = std::nullopt,
                            std::optional<int> bits = std::nullopt,
                            const std::string& mode = "affine",
                            const std::optional<array>& global_scale = std::nullopt,
                            StreamOrDevice s = {});

/// The matrix that quantize() packed.
///
/// Shapes:  w [..., n, k * bits / 32], scales [..., n, k / group] -> [..., n, k]
/// Dtypes:  `dtype`, else affine: promoted from scales and biases, in which it is computed;
///          others: bfloat16, or float32 with a global scale.
/// Grad:    scales and biases of affine, the global scale.
array dequantize(const array& w, const array& scales,
                 const std::optional<array>& biases = std::nullopt,
                 std::optional<int> group_size = std::nullopt,
                 std::optional<int> bits = std::nullopt, const std::string& mode = "affine",
                 const std::optional<array>& global_scale = std::nullopt,
                 std::optional<Dtype> dtype = std::nullopt, StreamOrDevice s = {});

/// x w^T (transpose) or x w, for a quantized w, without ever having all of w unpacked.
///
/// Shapes:  x [..., m, k], w [..., n, k] packed (or [..., k, n]) -> [..., m, n]; the axes before
///          the last two broadcast. x may be a vector.
/// Dtypes:  affine: promoted from x, scales and biases; others: that of x. float16, bfloat16 or
///          float32; accumulates in float32.
/// Errors:  inner sizes that differ; scalars; float64.
/// Grad:    x, and scales and biases of affine.
array quantized_matmul(const array& x, const array& w, const array& scales,
                       const std::optional<array>& biases = std::nullopt, bool transpose = true,
                       std::optional<int> group_size = std::nullopt,
                       std::optional<int> bits = std::nullopt, const std::string& mode = "affine",
                       StreamOrDevice s = {});

/// quantized_matmul of the matrices that the indices name: lhs_indices count in the batch axes of
/// x, flattened, rhs_indices in those of w; they broadcast. Without indices: all, in order.
///
/// Shapes:  x [..., m, k], w [..., n, k] packed (or [..., k, n]) -> [indices..., m, n]
/// Dtypes, Grad: as quantized_matmul. Indices: integers; negative ones count from the end.
/// Errors:  as quantized_matmul; std::out_of_range at evaluation for an index that is not there.
/// sorted_indices: that rhs_indices ascend. Equal neighbours share one product in any case.
array gather_qmm(const array& x, const array& w, const array& scales,
                 const std::optional<array>& biases = std::nullopt,
                 std::optional<array> lhs_indices = std::nullopt,
                 std::optional<array> rhs_indices = std::nullopt, bool transpose = true,
                 std::optional<int> group_size = std::nullopt,
                 std::optional<int> bits = std::nullopt, const std::string& mode = "affine",
                 bool sorted_indices = false, StreamOrDevice s = {});

/// x w^T where both are quantized: x here, w too if it comes without scales.
///
/// Shapes:  x [..., k], w [n, k] or packed -> [..., n]
/// Dtypes:  that of x: float16, bfloat16 or float32.
/// Errors:  affine; w not a matrix; one global scale without the other.
/// Grad:    x, and w unless it is packed, as if they were not quantized; the global scales.
array qqmm(const array& x, const array& w, const std::optional<array>& w_scales = std::nullopt,
           std::optional<int> group_size = std::nullopt, std::optional<int> bits = std::nullopt,
           const std::string& mode = "nvfp4",
           const std::optional<array>& global_scale_x = std::nullopt,
           const std::optional<array>& global_scale_w = std::nullopt, StreamOrDevice s = {});

/// qqmm of the matrices that the indices name, as in gather_qmm.
array gather_qqmm(const array& x, const array& w,
                  const std::optional<array>& scales_w = std::nullopt,
                  const std::optional<array>& lhs_indices = std::nullopt,
                  const std::optional<array>& rhs_indices = std::nullopt,
                  std::optional<int> group_size = std::nullopt,
                  std::optional<int> bits = std::nullopt, const std::string& mode = "nvfp4",
                  const std::optional<array>& global_scale_x = std::nullopt,
                  const std::optional<array>& global_scale_w = std::nullopt,
                  bool sorted_indices = false, StreamOrDevice s = {});

/// From and to e4m3, as uint8: rounded to nearest even, saturated at 448, NaN to 448 too. The
/// codes 0x7F and 0xFF are NaN. Grad: none (zeros).
/// Errors: std::invalid_argument for other dtypes than uint8 on that side and floating-point ones
///         on the other.
array from_fp8(array x, Dtype dtype, StreamOrDevice s = {});
array to_fp8(array x, StreamOrDevice s = {});

}  // namespace mlx::core
