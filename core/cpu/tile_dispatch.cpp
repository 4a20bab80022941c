// Which loops run on this machine.

#include "mlx/core/cpu/instruction_set.h"
#include "mlx/core/cpu/tile_loops.h"

namespace mlx::core::cpu {
const TileLoops& tile_loops() {
  static const TileLoops& loops = MLX_CHOOSE_LOOPS(kTileLoops);
  return loops;
}

TileLoop find_loop(uint16_t opcode, ComputeType type) {
  if (type != ComputeType::c64) {
    return tile_loops().op[opcode][static_cast<int>(type)];
  }
  if (opcode == static_cast<uint16_t>(Opcode::select)) {
    return tile_loops().op[opcode][static_cast<int>(ComputeType::u64)];
  }
  return kComplexLoops.op[opcode];
}

NarrowType narrow_type(Dtype dtype) {
  switch (dtype.val()) {
    case Dtype::Val::uint8:
      return NarrowType::u8;
    case Dtype::Val::uint16:
      return NarrowType::u16;
    case Dtype::Val::int8:
      return NarrowType::i8;
    case Dtype::Val::int16:
      return NarrowType::i16;
    case Dtype::Val::float16:
      return NarrowType::f16;
    case Dtype::Val::bfloat16:
      return NarrowType::bf16;
    default:
      return NarrowType::none;
  }
}

}  // namespace mlx::core::cpu
