#pragma once

// Packed matrices as the kernels see them.

#include <vector>

#include "mlx/core/array.h"
#include "mlx/core/cpu/quantized_loops.h"
#include "mlx/core/ops/quantized_ops.h"

namespace mlx::core::cpu {

CodeKind code_kind(const QuantFormat& format);

/// The rows of a packed matrix; those of a batch follow each other.
class QuantizedMatrix {
 public:
  /// `inputs`: packed matrix, scales, biases if the format has them.
  QuantizedMatrix(const QuantFormat& format, std::span<const array> inputs);

  const QuantFormat& format() const { return format_; }
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t groups() const { return columns_ / format_.group; }
  int64_t row_words() const { return row_words_; }
  const uint32_t* words(int64_t row) const { return words_.data<uint32_t>() + row * row_words_; }
  bool has_biases() const { return format_.has_biases(); }

  /// `count` scales or biases of a row, from group `first` on.
  void scales(float* out, int64_t row, int64_t first, int64_t count) const;
  void biases(float* out, int64_t row, int64_t first, int64_t count) const;
  /// Scales and biases of a row and the rows behind it, as they are in memory.
  struct Parameters {
    const void* scales;
    const void* biases;
    Dtype dtype;
  };
  Parameters parameters(int64_t row) const {
    const int64_t at = row * groups() * scales_.dtype().size();
    return {scales_.data<std::byte>() + at, biases_.data<std::byte>() + at, scales_.dtype()};
  }
  /// The packed codes of a row from element `first` on.
  const uint8_t* bytes(int64_t row, int64_t first) const {
    return reinterpret_cast<const uint8_t*>(words(row)) + first * format_.bits / 8;
  }
  /// `count` codes of a row from element `first` on; both multiples of the group.
  void codes(float* out, int64_t row, int64_t first, int64_t count) const;
  /// The elements themselves, in float32. `buffer` holds two floats for each group.
  void unpack(float* out, int64_t row, int64_t first, int64_t count, float* buffer) const;

 private:
  void widened(float* out, const array& from, int64_t row, int64_t first, int64_t count) const;

  QuantFormat format_;
  array words_, scales_, biases_;  // the last two of one dtype
  int64_t rows_, columns_, row_words_;
};

/// In double precision; groups are multiples of 8.
float sum_of_group(const float* x, int64_t group);

/// Converts float32 to and from a floating-point dtype of at most 32 bits.
void narrow_to(Dtype dtype, void* out, const float* from, int64_t count);
void widen_from(Dtype dtype, float* out, const void* from, int64_t count);
/// Rounds to what the dtype can hold.
void round_to(Dtype dtype, float* values, int64_t count);

}  // namespace mlx::core::cpu
