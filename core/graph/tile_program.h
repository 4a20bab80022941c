#pragma once

// A tile program: a fused group of element-wise operations as a short list of
// instructions over registers. A register is a tile: a few hundred consecutive
// elements of the iteration space. The evaluator writes programs (eval/fuse),
// devices run them (cpu/tile).

#include <cstdint>
#include <vector>

#include "mlx/core/dtype.h"

namespace mlx::core {

/// The types that arithmetic happens in. Narrower dtypes are computed in a
/// wider one: 8 and 16-bit integers in 32 bits (and wrapped after each
/// instruction), float16 and bfloat16 in float32.
enum class ComputeType : uint8_t { b8, i32, u32, i64, u64, f32, f64, c64 };
inline constexpr int kComputeTypes = 8;

ComputeType compute_type(Dtype dtype);

struct TileProgram {
  /// dst = op(src...). The operands all have dtype `operand` (for a select the
  /// first is a bool); the result has dtype `result`.
  struct Instruction {
    uint16_t opcode;  // row of elementwise.def, or kCast
    Dtype::Val operand;
    Dtype::Val result;
    uint8_t dst;
    uint8_t src[3];
  };
  static constexpr uint16_t kCast = 0xFFFF;

  /// Register `reg` holds input number i, or is stored to output number i.
  struct Port {
    Dtype::Val dtype;
    uint8_t reg;
  };

  static constexpr int kMaxRegisters = 255;

  std::vector<Port> loads;
  std::vector<Instruction> code;
  std::vector<Port> stores;
  int registers = 0;
};

}  // namespace mlx::core
