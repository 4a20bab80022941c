// Which loops run on this machine.

#include "mlx/core/cpu/tile_loops.h"

namespace mlx::core::cpu {
namespace {

const TileLoops& choose() {
#if defined(__x86_64__)
  // Every processor with AVX2 and FMA has F16C.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return kTileLoopsAvx512;
  }
  if (avx2) {
    return kTileLoopsAvx2;
  }
#endif
  return kTileLoopsBase;
}

}  // namespace

const TileLoops& tile_loops() {
  static const TileLoops& loops = choose();
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
