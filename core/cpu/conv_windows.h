#pragma once

// The windows that a convolution sees, as rows of a matrix.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/ops/conv_ops.h"

namespace mlx::core::cpu {

/// The windows of a convolution: the matrix with a row for each output position
/// [N, spatial...] and a column for each tap and channel [kernel..., C_in / groups].
/// A convolution is this matrix times the weight.
class ConvWindows {
 public:
  /// Shapes [N, spatial..., C_in], [C_out, kernel..., C_in / groups] and
  /// [N, spatial..., C_out].
  ConvWindows(const Shape& input, const Shape& weight, const Shape& output, const ConvAttrs& conv,
              size_t itemsize);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }

  /// Whether the windows of one group are the input's rows as they are.
  bool are_input_rows() const { return are_input_rows_; }

  /// Writes the rows [begin, end) of a group to `out`. `input` is row-contiguous.
  void gather(const std::byte* input, int group, int64_t begin, int64_t end, std::byte* out) const;

 private:
  struct Axis {
    int64_t input;
    int64_t kernel;
    int64_t output;
    /// Input element under each tap of each output, or -1 where there is none.
    std::vector<int64_t> element;
  };

  void gather_line(const std::byte* line, int64_t position, std::byte* out) const;

  Axis axes_[3];  // one and two spatial axes have leading axes of one element
  int64_t rows_;
  int64_t columns_;
  int64_t pixel_bytes_;  // all channels
  int64_t group_bytes_;  // the channels of a group
  /// Along the last axis the taps of a window lie side by side in the input.
  bool taps_adjoin_;
  bool are_input_rows_;
};

}  // namespace mlx::core::cpu
