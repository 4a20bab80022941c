// The derivatives of the rows of elementwise.def, and the one adapter around them.

#include <optional>

#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"
#include "mlx/core/ops/reduce.h"
#include "mlx/core/ops/shape.h"

namespace mlx::core {
namespace {

using Cotangent = std::optional<array>;
using Rule = Cotangent (*)(Inputs in, const array& y, const array& g);

// What the rows say where no gradient flows, and for constants.
constexpr std::nullopt_t zero = std::nullopt;
array like(const array& y, double value) { return array(value, y.dtype()); }

// A real sign is constant. A complex one, y = x / |x|, turns with the part of dx
// across it.
Cotangent of_direction(const array& x, const array& y, const array& g) {
  if (x.dtype() != complex64) return zero;
  const array across = g - conjugate(y) * real(y * g);
  const array size = abs(x), none = array(0, complex64);
  return where(size == array(0.0f), none, across / where(size == array(0.0f), array(1.0f), size));
}

#define RULE(names, cotangent)                                                                   \
  [](Inputs in, [[maybe_unused]] const array& y, [[maybe_unused]] const array& g) -> Cotangent { \
    names return cotangent;                                                                      \
  }
#define OPERAND(name, i) [[maybe_unused]] const array& name = in[i];
#define X OPERAND(x, 0)
#define AB OPERAND(a, 0) OPERAND(b, 1)
#define CAB OPERAND(c, 0) OPERAND(a, 1) OPERAND(b, 2)

constexpr Rule kRules[kOpcodes][3] = {
#define UNARY(name, domain, value, dx) {RULE(X, dx)},
#define BINARY(name, domain, value, da, db) {RULE(AB, da), RULE(AB, db)},
#define TERNARY(name, domain, value, dc, da, db) {RULE(CAB, dc), RULE(CAB, da), RULE(CAB, db)},
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
};
#undef RULE
#undef OPERAND
#undef X
#undef AB
#undef CAB

}  // namespace

Arrays elementwise_vjp(Opcode opcode, const VjpArgs& args) {
  const StreamContext scope(args.stream);  // the rules are written with operators
  const ElementwiseRow& row = *elementwise_op(opcode).row;
  Arrays operands;
  for (size_t i = 0; i < args.inputs.size(); ++i) {
    operands.push_back(astype(args.inputs[i], row.operand(args.inputs, static_cast<int>(i))));
  }
  const bool is_complex = operands.back().dtype() == complex64;
  const array g = is_complex ? conjugate(args.cotangents[0]) : args.cotangents[0];
  Arrays cotangents;
  for (int index : args.argnums) {
    const array& input = args.inputs[static_cast<size_t>(index)];
    Cotangent c = kRules[static_cast<int>(opcode)][index](operands, args.outputs[0], g);
    if (!c) {
      cotangents.push_back(zeros_like(input));
      continue;
    }
    const array summed = sum_to(is_complex ? conjugate(*c) : *c, input.shape());
    cotangents.push_back(astype(summed, input.dtype()));
  }
  return cotangents;
}

array sum_to(const array& x, const Shape& shape, StreamOrDevice s) {
  if (x.shape() == shape) {
    return x;
  }
  const size_t extra = x.ndim() - shape.size();
  std::vector<int> axes;
  for (size_t i = 0; i < x.ndim(); ++i) {
    if (i < extra || (shape[i - extra] == 1 && x.shape()[i] != 1)) {
      axes.push_back(static_cast<int>(i));
    }
  }
  const array summed = axes.empty() ? x : sum(x, axes, /*keepdims=*/true, s);
  return summed.shape() == shape ? summed : reshape(summed, shape, s);
}

}  // namespace mlx::core
