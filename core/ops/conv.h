#pragma once

// Convolutions. Inputs are [N, spatial..., C], weights [C_out, kernel..., C_in / groups].

#include <tuple>
#include <utility>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// Convolution (cross-correlation) over one to three spatial axes: output
/// element o sums the weight's taps k times input element
///   o * stride + k * kernel_dilation - padding_lo
/// where the input has input_dilation - 1 zeros between its elements and zeros
/// around it. Input channels and output channels are cut into `groups`, and
/// each group of outputs sees its group of inputs. Each list has one value for
/// each spatial axis, one for all, or none for the default (1; padding 0).
///
/// Shapes:  input [N, spatial..., C_in], weight [C_out, kernel..., C_in / groups]
///          -> [N, (padded - reach) / stride + 1..., C_out] with
///          reach = (kernel - 1) * kernel_dilation + 1
/// Dtypes:  promoted floating-point dtypes; 16-bit floats accumulate in float32.
/// Errors:  std::invalid_argument on shapes that do not fit, strides and
///          dilations below 1, an input smaller than the kernel's reach.
/// Grad:    input and weight.
///
/// Negative padding crops the input. With `flip` the kernel is turned around.
array conv_general(array input, array weight, std::vector<int> stride = {},
                   std::vector<int> padding_lo = {}, std::vector<int> padding_hi = {},
                   std::vector<int> kernel_dilation = {}, std::vector<int> input_dilation = {},
                   int groups = 1, bool flip = false, StreamOrDevice s = {});
/// The same with equal padding at both ends.
array conv_general(const array& input, const array& weight, std::vector<int> stride = {},
                   std::vector<int> padding = {}, std::vector<int> kernel_dilation = {},
                   std::vector<int> input_dilation = {}, int groups = 1, bool flip = false,
                   StreamOrDevice s = {});

/// conv_general over one spatial axis.
array conv1d(const array& input, const array& weight, int stride = 1, int padding = 0,
             int dilation = 1, int groups = 1, StreamOrDevice s = {});

/// conv_general over two spatial axes.
array conv2d(const array& input, const array& weight, const std::pair<int, int>& stride = {1, 1},
             const std::pair<int, int>& padding = {0, 0},
             const std::pair<int, int>& dilation = {1, 1}, int groups = 1, StreamOrDevice s = {});

/// conv_general over three spatial axes.
array conv3d(const array& input, const array& weight,
             const std::tuple<int, int, int>& stride = {1, 1, 1},
             const std::tuple<int, int, int>& padding = {0, 0, 0},
             const std::tuple<int, int, int>& dilation = {1, 1, 1}, int groups = 1,
             StreamOrDevice s = {});

/// Transposed convolution: each input element adds the kernel, scaled, to the
/// output at its position times `stride`. `padding` elements are cut from both
/// ends of the result; `output_padding` are added to its end.
///
/// Shapes:  input [N, size, C_in], weight [C_out, kernel, C_in / groups] ->
///          [N, (size - 1) * stride + (kernel - 1) * dilation + 1
///              - 2 * padding + output_padding, C_out]
/// Dtypes, Errors, Grad: as conv_general; output_padding is not negative.
array conv_transpose1d(const array& input, const array& weight, int stride = 1, int padding = 0,
                       int dilation = 1, int output_padding = 0, int groups = 1,
                       StreamOrDevice s = {});

/// The same over two spatial axes.
array conv_transpose2d(const array& input, const array& weight,
                       const std::pair<int, int>& stride = {1, 1},
                       const std::pair<int, int>& padding = {0, 0},
                       const std::pair<int, int>& dilation = {1, 1},
                       const std::pair<int, int>& output_padding = {0, 0}, int groups = 1,
                       StreamOrDevice s = {});

/// The same over three spatial axes.
array conv_transpose3d(const array& input, const array& weight,
                       const std::tuple<int, int, int>& stride = {1, 1, 1},
                       const std::tuple<int, int, int>& padding = {0, 0, 0},
                       const std::tuple<int, int, int>& dilation = {1, 1, 1},
                       const std::tuple<int, int, int>& output_padding = {0, 0, 0}, int groups = 1,
                       StreamOrDevice s = {});

}  // namespace mlx::core
