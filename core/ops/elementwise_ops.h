#pragma once

// The ops behind elementwise.h, for evaluation, transforms and other families.

#include <cstdint>

#include "mlx/core/graph/op.h"
#include "mlx/core/utils.h"

namespace mlx::core {

/// Which dtypes a row takes, the dtype its operands are cast to and the dtype
/// of its result. `p` is what the operands promote to.
enum class Domain : uint8_t {
  Any,        // p -> p
  Ring,       // p -> p; the same bits for signed and unsigned
  Signed,     // p -> p, not bool
  Real,       // p -> p, not complex
  RoundReal,  // p -> p, not complex; integers stay as they are
  Round,      // p -> p; integers stay as they are
  Float,      // float32 at least, not complex
  Inexact,    // float32 at least
  Magnitude,  // p -> p, complex64 -> float32
  Complex,    // complex64 -> complex64; others stay as they are
  Part,       // complex64 -> float32; others stay as they are
  Test,       // float32 at least -> bool
  Equality,   // p -> bool; the same for signed and unsigned
  Compare,    // p -> bool
  Logical,    // each operand as bool -> bool
  Bits,       // p -> p, integers and bool
  Shift,      // p -> p, integers; bool as uint8
  Select,     // bool, p, p -> p
};

/// The rows of elementwise.def, in order.
enum class Opcode : uint16_t {
#define UNARY(name, ...) name,
#define BINARY(name, ...) name,
#define TERNARY(name, ...) name,
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
  count,
};
inline constexpr int kOpcodes = static_cast<int>(Opcode::count);

/// The op of each row, by opcode.
extern const Op kElementwise[kOpcodes];

/// The dtype of the result is the attribute. Opcode TileProgram::kCast.
struct AsTypeAttrs {
  Dtype dtype;
  bool operator==(const AsTypeAttrs&) const = default;
};
extern const Op kAsType;

/// The identity, through which no gradient flows. Shares the buffer.
extern const Op kStopGradient;

inline const Op& elementwise_op(Opcode opcode) { return kElementwise[static_cast<int>(opcode)]; }

/// The rule of a row, for tests and documentation.
Domain domain_of(Opcode opcode);

/// The cotangents of an element-wise op's inputs: the row's rule, summed back
/// over broadcast axes and cast to each input's dtype.
Arrays elementwise_vjp(Opcode opcode, const VjpArgs& args);

/// Sums the axes of `x` along which an array of `shape` was broadcast to x's
/// shape. Dtypes: x's, or wider as sum() does for narrow integers.
array sum_to(const array& x, const Shape& shape, StreamOrDevice s = {});

}  // namespace mlx::core
