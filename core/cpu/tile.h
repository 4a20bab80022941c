#pragma once

// Runs tile programs: the element-wise engine of the CPU.
//
// A program runs over its shape tile by tile. Loads deal with strides,
// broadcasting and storage types; where an input already lies in memory as the
// arithmetic wants it, the load is a pointer into the input. Instructions see
// contiguous tiles only. See graph/tile_program.h for what a program says.

#include <cstdint>
#include <memory>
#include <span>

#include "mlx/core/array.h"
#include "mlx/core/graph/op.h"
#include "mlx/core/graph/tile_program.h"

namespace mlx::core::cpu {

/// The kernel of every element-wise op and of every fused group of them. An
/// input that is donated becomes an output's memory.
void run_tile_program(const KernelArgs& args);

/// Reads the operand of a reduction: the one result of a program, or an input
/// as it is. For one thread; make one reader per thread. Refers to all its
/// arguments, which must outlive it.
class TileReader {
 public:
  /// The most elements that one read() gives.
  static constexpr int64_t kMaxCount = 1024;

  /// `program` has one store; null means inputs[0]. The operand has `shape`,
  /// to which all inputs broadcast.
  TileReader(const TileProgram* program, std::span<const array> inputs, const Shape& shape);
  ~TileReader();
  TileReader(const TileReader&) = delete;
  TileReader& operator=(const TileReader&) = delete;

  Dtype dtype() const;
  /// compute_type(dtype()): what the values are read as. A bool is one byte.
  ComputeType type() const;

  /// All values, if they lie in memory already, row-major and in type();
  /// otherwise null. Then a caller may skip read().
  const void* direct() const;

  /// `count` <= kMaxCount values from position `start` of the row-major order.
  /// Valid until the next call; may point into an input. Consecutive reads are
  /// the fastest.
  const void* read(int64_t start, int64_t count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlx::core::cpu
