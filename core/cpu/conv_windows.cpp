#include "mlx/core/cpu/conv_windows.h"

#include <algorithm>
#include <cstring>

namespace mlx::core::cpu {
namespace {

int64_t input_element(const ConvAttrs& conv, size_t axis, int64_t input, int64_t kernel,
                      int64_t output, int64_t tap) {
  const int64_t k = conv.flip ? kernel - 1 - tap : tap;
  const int64_t at =
      output * conv.stride[axis] + k * conv.kernel_dilation[axis] - conv.padding_lo[axis];
  const int64_t element = at / conv.input_dilation[axis];
  const bool exists = at >= 0 && at % conv.input_dilation[axis] == 0 && element < input;
  return exists ? element : -1;
}

bool is_identity(const std::vector<int64_t>& element, int64_t count) {
  for (size_t i = 0; i < element.size(); ++i) {
    if (element[i] != static_cast<int64_t>(i)) {
      return false;
    }
  }
  return static_cast<int64_t>(element.size()) == count;
}

}  // namespace

ConvWindows::ConvWindows(const Shape& input, const Shape& weight, const Shape& output,
                         const ConvAttrs& conv, size_t itemsize) {
  const size_t spatial = conv.stride.size();
  const size_t missing = 3 - spatial;
  rows_ = output[0];
  columns_ = weight.back();
  are_input_rows_ = true;
  for (size_t i = 0; i < 3; ++i) {
    Axis& axis = axes_[i];
    if (i < missing) {
      axis = {1, 1, 1, {0}};
      continue;
    }
    const size_t from = i - missing;
    axis = {input[from + 1], weight[from + 1], output[from + 1], {}};
    for (int64_t o = 0; o < axis.output; ++o) {
      for (int64_t k = 0; k < axis.kernel; ++k) {
        axis.element.push_back(input_element(conv, from, axis.input, axis.kernel, o, k));
      }
    }
    rows_ *= axis.output;
    columns_ *= axis.kernel;
    are_input_rows_ &= axis.kernel == 1 && is_identity(axis.element, axis.input);
  }
  pixel_bytes_ = input.back() * static_cast<int64_t>(itemsize);
  group_bytes_ = weight.back() * static_cast<int64_t>(itemsize);
  taps_adjoin_ = conv.groups == 1 && !conv.flip && conv.kernel_dilation.back() == 1 &&
                 conv.input_dilation.back() == 1;
}

void ConvWindows::gather(const std::byte* input, int group, int64_t begin, int64_t end,
                         std::byte* out) const {
  const auto& [outer, middle, inner] = axes_;
  const int64_t line_bytes = inner.kernel * group_bytes_;
  input += group * group_bytes_;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t x = row % inner.output;
    const int64_t y = row / inner.output % middle.output;
    const int64_t z = row / inner.output / middle.output % outer.output;
    const int64_t image = row / inner.output / middle.output / outer.output;
    for (int64_t i = 0; i < outer.kernel; ++i) {
      const int64_t plane = outer.element[static_cast<size_t>(z * outer.kernel + i)];
      for (int64_t j = 0; j < middle.kernel; ++j, out += line_bytes) {
        const int64_t line = middle.element[static_cast<size_t>(y * middle.kernel + j)];
        if (plane < 0 || line < 0) {
          std::memset(out, 0, static_cast<size_t>(line_bytes));
          continue;
        }
        const int64_t at = ((image * outer.input + plane) * middle.input + line) * inner.input;
        gather_line(input + at * pixel_bytes_, x, out);
      }
    }
  }
}

// The taps of one window along the last axis.
void ConvWindows::gather_line(const std::byte* line, int64_t position, std::byte* out) const {
  const Axis& axis = axes_[2];
  const int64_t* element = &axis.element[static_cast<size_t>(position * axis.kernel)];
  for (int64_t k = 0; k < axis.kernel;) {
    int64_t taps = 1;
    if (taps_adjoin_) {  // those that are inside, or outside, together
      while (k + taps < axis.kernel && (element[k] < 0) == (element[k + taps] < 0)) {
        ++taps;
      }
    }
    const auto bytes = static_cast<size_t>(taps * group_bytes_);
    if (element[k] < 0) {
      std::memset(out, 0, bytes);
    } else {
      std::memcpy(out, line + element[k] * pixel_bytes_, bytes);
    }
    out += bytes;
    k += taps;
  }
}

}  // namespace mlx::core::cpu
