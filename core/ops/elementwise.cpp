// The table of element-wise ops and the functions that are exactly one row.

#include "mlx/core/ops/elementwise.h"

#include <stdexcept>

#include "mlx/core/base/error.h"
#include "mlx/core/graph/node.h"
#include "mlx/core/graph/tile_program.h"
#include "mlx/core/ops/creation.h"
#include "mlx/core/ops/dtype_rules.h"
#include "mlx/core/ops/elementwise_ops.h"

namespace mlx::core {
namespace {

// The one input dtype that decides: conditions of a select do not count.
Dtype promoted(Inputs inputs) {
  switch (inputs.size()) {
    case 1:
      return inputs[0].dtype();
    case 2:
      return promote_types(inputs[0].dtype(), inputs[1].dtype());
    default:
      return promote_types(inputs[1].dtype(), inputs[2].dtype());
  }
}

Dtype operand_dtype(Domain domain, Dtype p) {
  switch (domain) {
    case Domain::Float:
    case Domain::Inexact:
    case Domain::Test:
      return issubdtype(p, inexact) ? p : float32;
    case Domain::Logical:
      return bool_;
    case Domain::Shift:
      return p == bool_ ? uint8 : p;
    default:
      return p;
  }
}

Dtype result_dtype(Domain domain, Dtype operand) {
  switch (domain) {
    case Domain::Test:
    case Domain::Equality:
    case Domain::Compare:
      return bool_;
    case Domain::Magnitude:
    case Domain::Part:
      return operand == complex64 ? float32 : operand;
    default:
      return operand;
  }
}

// Where an op is the identity there is no node, so none is accepted.
bool accepts(Domain domain, Dtype p) {
  switch (domain) {
    case Domain::Signed:
      return p != bool_;
    case Domain::Real:
    case Domain::Float:
      return p != complex64;
    case Domain::RoundReal:
      return issubdtype(p, floating);
    case Domain::Round:
      return issubdtype(p, inexact);
    case Domain::Complex:
    case Domain::Part:
      return p == complex64;
    case Domain::Bits:
    case Domain::Shift:
      return is_integer(p);
    default:
      return true;
  }
}

// Whether the op leaves arrays of this dtype as they are: there is no node then.
bool is_identity(Domain domain, Dtype dtype) {
  switch (domain) {
    case Domain::Round:
    case Domain::RoundReal:
      return is_integer(dtype);
    case Domain::Complex:
    case Domain::Part:
      return dtype != complex64;
    default:
      return false;
  }
}

constexpr Domain kDomains[kOpcodes] = {
#define UNARY(name, domain, ...) Domain::domain,
#define BINARY(name, domain, ...) Domain::domain,
#define TERNARY(name, domain, ...) Domain::domain,
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
};

void check_dtype(Opcode opcode, Inputs inputs, Dtype p) {
  if (accepts(domain_of(opcode), p)) [[likely]] {
    return;
  }
  const std::string message =
      concat("[", elementwise_op(opcode).name, "] Not defined for ", dtype_name(p), " operands.");
  // MLX's own distinction, which programs may rely on.
  if (inputs.size() == 2 && !is_integer(p) && accepts(domain_of(opcode), uint8) &&
      !accepts(domain_of(opcode), float32)) {
    throw std::runtime_error(message);
  }
  throw std::invalid_argument(message);
}

Shape broadcast_all(Opcode opcode, Inputs inputs) {
  Shape shape = inputs[0].shape();
  for (size_t i = 1; i < inputs.size(); ++i) {
    const Shape& other = inputs[i].shape();
    if (other == shape || other.empty()) {
      continue;
    }
    try {
      shape = broadcast_shapes(shape, other);
    } catch (const std::invalid_argument&) {
      throw_invalid("[", elementwise_op(opcode).name, "] Shapes do not broadcast: got ", shape,
                    " and ", other, ".");
    }
  }
  return shape;
}

Type infer(Opcode opcode, Inputs inputs) {
  const Dtype p = promoted(inputs);
  check_dtype(opcode, inputs, p);
  const Domain domain = domain_of(opcode);
  return {broadcast_all(opcode, inputs), result_dtype(domain, operand_dtype(domain, p))};
}

template <Opcode opcode>
Type infer_row(Inputs inputs, const Attrs&) {
  return infer(opcode, inputs);
}

template <Opcode opcode>
Arrays vjp_row(const VjpArgs& args) {
  return elementwise_vjp(opcode, args);
}

template <Domain domain>
Dtype operand(Inputs inputs, int index) {
  if (domain == Domain::Select && index == 0) {
    return bool_;
  }
  return operand_dtype(domain, promoted(inputs));
}

constexpr ElementwiseRow kRows[kOpcodes] = {
#define UNARY(name, domain, ...) {static_cast<uint16_t>(Opcode::name), 1, operand<Domain::domain>},
#define BINARY(name, domain, ...) {static_cast<uint16_t>(Opcode::name), 2, operand<Domain::domain>},
#define TERNARY(name, domain, ...) \
  {static_cast<uint16_t>(Opcode::name), 3, operand<Domain::domain>},
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
};

constexpr ElementwiseRow kAsTypeRow = {TileProgram::kCast, 1,
                                       [](Inputs inputs, int) { return inputs[0].dtype(); }};

array make_row(Opcode opcode, std::vector<array> inputs, StreamOrDevice s) {
  return make_node(elementwise_op(opcode), std::move(inputs), {}, to_stream(s));
}

array make_unary(Opcode opcode, const array& a, StreamOrDevice s) {
  if (is_identity(domain_of(opcode), a.dtype())) {
    return opcode == Opcode::imag ? zeros_like(a, s) : a;
  }
  return make_row(opcode, {a}, s);
}

}  // namespace

constinit const Op kElementwise[kOpcodes] = {
#define ROW(name_)                    \
  {.name = #name_,                    \
   .infer = infer_row<Opcode::name_>, \
   .vjp = vjp_row<Opcode::name_>,     \
   .row = &kRows[static_cast<int>(Opcode::name_)]},
#define UNARY(name, ...) ROW(name)
#define BINARY(name, ...) ROW(name)
#define TERNARY(name, ...) ROW(name)
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
#undef ROW
};

constinit const Op kAsType{
    .name = "astype",
    .infer = [](Inputs inputs, const Attrs& attrs) -> Type {
      return {inputs[0].shape(), attrs.get<AsTypeAttrs>().dtype};
    },
    .vjp = [](const VjpArgs& args) -> Arrays {
      return {astype(args.cotangents[0], args.inputs[0].dtype(), args.stream)};
    },
    .jvp = [](const JvpArgs& args) -> Arrays {
      return {astype(args.tangents[0], args.outputs[0].dtype(), args.stream)};
    },
    .row = &kAsTypeRow,
};

constinit const Op kStopGradient{
    .name = "stop_gradient",
    .infer = [](Inputs inputs, const Attrs&) -> Type {
      return {inputs[0].shape(), inputs[0].dtype()};
    },
    .vmap = [](const VmapArgs& args) -> Mapped {
      return {{stop_gradient(args.inputs[0], args.stream)}, {args.axes[0]}};
    },
    .run = [](const KernelArgs& args) { args.outputs[0].copy_shared_buffer(args.inputs[0]); },
};

Domain domain_of(Opcode opcode) { return kDomains[static_cast<int>(opcode)]; }

#define UNARY(name, ...) \
  array name(const array& a, StreamOrDevice s) { return make_unary(Opcode::name, a, s); }
#define BINARY(name, ...)                                        \
  array name(const array& a, const array& b, StreamOrDevice s) { \
    return make_row(Opcode::name, {a, b}, s);                    \
  }
#define TERNARY(name, ...)
#include "mlx/core/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

array where(const array& condition, const array& x, const array& y, StreamOrDevice s) {
  return make_row(Opcode::select, {condition, x, y}, s);
}

array astype(array a, Dtype dtype, StreamOrDevice s) {
  if (a.dtype() == dtype) {
    return a;
  }
  return make_node(kAsType, {std::move(a)}, Attrs(AsTypeAttrs{dtype}), to_stream(s));
}

array stop_gradient(const array& a, StreamOrDevice s) {
  return make_node(kStopGradient, {a}, {}, to_stream(s));
}

}  // namespace mlx::core
