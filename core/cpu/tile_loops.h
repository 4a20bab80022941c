#pragma once

// The loops over tiles: one for each row and compute type, compiled once per
// instruction set.

#include <cstdint>

#include "mlx/core/graph/tile_program.h"
#include "mlx/core/ops/elementwise_ops.h"

namespace mlx::core::cpu {

/// Reads up to three tiles, writes one. `dst` is none of the operands or
/// exactly one of the same element size.
using TileLoop = void (*)(void* dst, const void* a, const void* b, const void* c, int64_t count);

/// Storage types that are computed in a wider type.
enum class NarrowType : uint8_t { u8, u16, i8, i16, f16, bf16, none };
inline constexpr int kNarrowTypes = 6;
NarrowType narrow_type(Dtype dtype);

/// All compute types but c64.
inline constexpr int kRealTypes = 7;

struct TileLoops {
  /// Null outside the row's domain.
  TileLoop op[kOpcodes][kRealTypes];
  /// By source and destination type.
  TileLoop convert[kRealTypes][kRealTypes];
  /// Storage to compute type, back, and the two in one: what storing would do to the value.
  TileLoop widen[kNarrowTypes];
  TileLoop narrow[kNarrowTypes];
  TileLoop trim[kNarrowTypes];
  /// A copy past the caches.
  void (*stream)(void* dst, const void* src, int64_t bytes);
};

/// Complex numbers gain little from wider instructions: compiled once.
struct ComplexLoops {
  TileLoop op[kOpcodes];
  TileLoop from_f32;
  TileLoop to_f32;
  TileLoop to_b8;
};

extern const TileLoops kTileLoopsBase;
#if defined(__x86_64__)
extern const TileLoops kTileLoopsAvx2;
extern const TileLoops kTileLoopsAvx512;
#endif
extern const ComplexLoops kComplexLoops;

/// The loops for this machine.
const TileLoops& tile_loops();

/// The loop of a row in a compute type.
TileLoop find_loop(uint16_t opcode, ComputeType type);

}  // namespace mlx::core::cpu
