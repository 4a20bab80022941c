#include "mlx/core/cpu/quantized_matrix.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "mlx/core/cpu/copy.h"
#include "mlx/core/cpu/fp8.h"
#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/tile_loops.h"

namespace mlx::core::cpu {
namespace {

using Table = std::array<float, 256>;

template <typename Decode>
Table table_of(Decode decode) {
  Table table;
  for (size_t i = 0; i < table.size(); ++i) table[i] = decode(static_cast<uint8_t>(i));
  return table;
}

// What the bytes mean that scale a group.
const Table& scale_table(QuantMode mode) {
  static const Table e8m0 = table_of(from_e8m0), e4m3 = table_of(from_e4m3);
  return mode == QuantMode::nvfp4 ? e4m3 : e8m0;
}

int narrow_index(Dtype dtype) { return static_cast<int>(narrow_type(dtype)); }

}  // namespace

const QuantizedLoops& quantized_loops() {
  static const QuantizedLoops& loops = MLX_CHOOSE_LOOPS(kQuantizedLoops);
  return loops;
}

CodeKind code_kind(const QuantFormat& format) {
  if (format.mode == QuantMode::mxfp8) return CodeKind::e4m3;
  if (format.mode != QuantMode::affine) return CodeKind::e2m1;
  constexpr CodeKind kOfBits[] = {CodeKind::u1, CodeKind::u1, CodeKind::u2,
                                  CodeKind::u3, CodeKind::u4, CodeKind::u5,
                                  CodeKind::u6, CodeKind::u8, CodeKind::u8};
  return kOfBits[format.bits];
}

float sum_of_group(const float* x, int64_t group) {
  constexpr int64_t kLanes = 8;  // sums that do not wait for each other
  double lanes[kLanes] = {};
  for (int64_t i = 0; i < group; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += static_cast<double>(x[i + l]);
  }
  return static_cast<float>(std::accumulate(lanes, lanes + kLanes, 0.0));
}

void narrow_to(Dtype dtype, void* out, const float* from, int64_t count) {
  if (dtype == float32) {
    std::copy_n(from, count, static_cast<float*>(out));
  } else {
    tile_loops().narrow[narrow_index(dtype)](out, from, nullptr, nullptr, count);
  }
}

void widen_from(Dtype dtype, float* out, const void* from, int64_t count) {
  if (dtype == float32) {
    std::copy_n(static_cast<const float*>(from), count, out);
  } else {
    tile_loops().widen[narrow_index(dtype)](out, from, nullptr, nullptr, count);
  }
}

void round_to(Dtype dtype, float* values, int64_t count) {
  if (dtype != float32) {
    tile_loops().trim[narrow_index(dtype)](values, values, nullptr, nullptr, count);
  }
}

QuantizedMatrix::QuantizedMatrix(const QuantFormat& format, std::span<const array> inputs)
    : format_(format),
      words_(row_contiguous(inputs[0])),
      scales_(row_contiguous(inputs[1])),
      biases_(format.has_biases() ? row_contiguous(inputs[2]) : scales_),
      columns_(format.elements(inputs[0].shape(-1))),
      row_words_(inputs[0].shape(-1)) {
  if (biases_.dtype() != scales_.dtype()) {
    scales_ = row_contiguous(scales_, float32);
    biases_ = row_contiguous(biases_, float32);
  }
  rows_ = row_words_ == 0 ? 0 : static_cast<int64_t>(words_.size()) / row_words_;
}

void QuantizedMatrix::widened(float* out, const array& from, int64_t row, int64_t first,
                              int64_t count) const {
  const int64_t at = row * groups() + first;
  widen_from(from.dtype(), out, from.data<std::byte>() + at * from.dtype().size(), count);
}

void QuantizedMatrix::scales(float* out, int64_t row, int64_t first, int64_t count) const {
  if (has_biases()) return widened(out, scales_, row, first, count);
  const Table& table = scale_table(format_.mode);
  const uint8_t* bytes = scales_.data<uint8_t>() + row * groups() + first;
  for (int64_t i = 0; i < count; ++i) out[i] = table[bytes[i]];
}

void QuantizedMatrix::biases(float* out, int64_t row, int64_t first, int64_t count) const {
  widened(out, biases_, row, first, count);
}

void QuantizedMatrix::codes(float* out, int64_t row, int64_t first, int64_t count) const {
  quantized_loops().codes[static_cast<int>(code_kind(format_))].decode(out, bytes(row, first),
                                                                       count);
}

void QuantizedMatrix::unpack(float* out, int64_t row, int64_t first, int64_t count,
                             float* buffer) const {
  const int64_t first_group = first / format_.group, groups = count / format_.group;
  codes(out, row, first, count);
  scales(buffer, row, first_group, groups);
  if (has_biases()) biases(buffer + groups, row, first_group, groups);
  quantized_loops().scale_groups(out, buffer, has_biases() ? buffer + groups : nullptr, groups,
                                 format_.group);
}

}  // namespace mlx::core::cpu
