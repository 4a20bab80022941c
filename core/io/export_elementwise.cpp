// Element-wise operations. Those of MLX take inputs of one shape and dtype, so
// entries that cast and broadcast precede them.

#include <limits>

#include "mlx/core/graph/node.h"
#include "mlx/core/io/export_table.h"
#include "mlx/core/ops/elementwise.h"
#include "mlx/core/ops/elementwise_ops.h"

namespace mlx::core::io {
namespace {

// ---- writing

/// An operation that is one entry there.
struct Name {
  Opcode opcode;
  std::string_view name;
  State state = {};
};

const Name* find_name(Opcode opcode) {
  static const Name kNames[] = {
      {Opcode::abs, "Abs"},
      {Opcode::negative, "Negative"},
      {Opcode::sign, "Sign"},
      {Opcode::square, "Square"},
      {Opcode::sqrt, "Sqrt", {false}},
      {Opcode::rsqrt, "Sqrt", {true}},
      {Opcode::exp, "Exp"},
      {Opcode::expm1, "Expm1"},
      {Opcode::log, "Log", {2}},
      {Opcode::log2, "Log", {0}},
      {Opcode::log10, "Log", {1}},
      {Opcode::log1p, "Log1p"},
      {Opcode::sin, "Sin"},
      {Opcode::cos, "Cos"},
      {Opcode::tan, "Tan"},
      {Opcode::arcsin, "ArcSin"},
      {Opcode::arccos, "ArcCos"},
      {Opcode::arctan, "ArcTan"},
      {Opcode::sinh, "Sinh"},
      {Opcode::cosh, "Cosh"},
      {Opcode::tanh, "Tanh"},
      {Opcode::arcsinh, "ArcSinh"},
      {Opcode::arccosh, "ArcCosh"},
      {Opcode::arctanh, "ArcTanh"},
      {Opcode::sigmoid, "Sigmoid"},
      {Opcode::erf, "Erf"},
      {Opcode::erfinv, "ErfInv"},
      {Opcode::floor, "Floor"},
      {Opcode::ceil, "Ceil"},
      {Opcode::round, "Round"},
      {Opcode::conjugate, "Conjugate"},
      {Opcode::real, "Real"},
      {Opcode::imag, "Imag"},
      {Opcode::logical_not, "LogicalNot"},
      {Opcode::add, "Add"},
      {Opcode::subtract, "Subtract"},
      {Opcode::multiply, "Multiply"},
      {Opcode::divide, "Divide"},
      {Opcode::floor_divide, "FloorDivide"},
      {Opcode::remainder, "Remainder"},
      {Opcode::power, "Power"},
      {Opcode::maximum, "Maximum"},
      {Opcode::minimum, "Minimum"},
      {Opcode::arctan2, "ArcTan2"},
      {Opcode::logaddexp, "LogAddExp"},
      {Opcode::equal, "Equal", {false}},
      {Opcode::not_equal, "NotEqual"},
      {Opcode::greater, "Greater"},
      {Opcode::greater_equal, "GreaterEqual"},
      {Opcode::less, "Less"},
      {Opcode::less_equal, "LessEqual"},
      {Opcode::logical_and, "LogicalAnd"},
      {Opcode::logical_or, "LogicalOr"},
      {Opcode::logical_xor, "NotEqual"},
      {Opcode::bitwise_and, "BitwiseBinary", {0}},
      {Opcode::bitwise_or, "BitwiseBinary", {1}},
      {Opcode::bitwise_xor, "BitwiseBinary", {2}},
      {Opcode::left_shift, "BitwiseBinary", {3}},
      {Opcode::right_shift, "BitwiseBinary", {4}},
      {Opcode::select, "Select"},
  };
  for (const Name& row : kNames) {
    if (row.opcode == opcode) return &row;
  }
  return nullptr;
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Id equals(Lowering& to, Id x, double value) {
  const Type type{to.shape(x), bool_};
  return to.add("Equal", {false},
                to.broadcast_together({x, to.scalar(value, to.dtype(x))}, type.shape), type);
}

// The operations that MLX makes of others.
Id write_composed(Lowering& to, Opcode opcode, Id x) {
  const Type same = to.type(x);
  const Type truth{same.shape, bool_};
  const auto beside = [&](const array& value) {
    return to.broadcast_together({x, to.constant(value)}, same.shape);
  };
  const auto either = [&](Id a, Id b) { return to.add("LogicalOr", {}, {a, b}, truth); };
  const auto infinite = [&] { return either(equals(to, x, kInfinity), equals(to, x, -kInfinity)); };
  const auto nan = [&] { return to.add("NotEqual", {}, {x, x}, truth); };
  switch (opcode) {
    case Opcode::reciprocal: {
      const auto both = beside(array(1, same.dtype));
      return to.add("Divide", {}, {both[1], both[0]}, same);
    }
    case Opcode::isnan:
      return nan();
    case Opcode::isinf:
      return infinite();
    case Opcode::isposinf:
      return equals(to, x, kInfinity);
    case Opcode::isneginf:
      return equals(to, x, -kInfinity);
    case Opcode::isfinite:
      return to.add("LogicalNot", {}, {either(infinite(), nan())}, truth);
    case Opcode::trunc: {
      const Id below = to.add("Less", {}, beside(array(0, same.dtype)), truth);
      const Id up = to.add("Ceil", {}, {x}, same);
      return to.add("Select", {}, {below, up, to.add("Floor", {}, {x}, same)}, same);
    }
    case Opcode::bitwise_invert: {
      if (same.dtype == bool_) return to.add("LogicalNot", {}, {x}, same);
      const array ones = subtract(array(0, same.dtype), array(1, same.dtype));
      return to.add("BitwiseBinary", {2}, beside(ones), same);
    }
    default:
      throw_invalid("[export_function] ", elementwise_op(opcode).name,
                    " cannot be stored in a file.");
  }
}

// A complex number is infinite if a part is, and finite if both are.
Arrays formula_infinite(Inputs in, const Attrs&, Stream s) {
  return {logical_or(isinf(real(in[0], s), s), isinf(imag(in[0], s), s), s)};
}
Arrays formula_finite(Inputs in, const Attrs&, Stream s) {
  return {logical_and(isfinite(real(in[0], s), s), isfinite(imag(in[0], s), s), s)};
}

// ---- reading

template <array (*function)(const array&, StreamOrDevice)>
Arrays unary(const ReadArgs& args) {
  return {function(args.in[0], {})};
}

template <array (*function)(const array&, const array&, StreamOrDevice)>
Arrays binary(const ReadArgs& args) {
  return {function(args.in[0], args.in[1], {})};
}

template <typename Function>
Function choose(const ReadArgs& args, std::initializer_list<Function> functions) {
  const int which = args.integer(0);
  require(which >= 0 && static_cast<size_t>(which) < functions.size(),
          "[import_function] Kind of operation: got ", which, ", expected less than ",
          functions.size(), ".");
  return functions.begin()[which];
}

Arrays read_log(const ReadArgs& args) {
  return {
      choose<array (*)(const array&, StreamOrDevice)>(args, {log2, log10, log})(args.in[0], {})};
}

Arrays read_bitwise(const ReadArgs& args) {
  return {choose<array (*)(const array&, const array&, StreamOrDevice)>(
      args, {bitwise_and, bitwise_or, bitwise_xor, left_shift, right_shift})(args.in[0], args.in[1],
                                                                             {})};
}

Arrays read_equal(const ReadArgs& args) {
  const array& a = args.in[0];
  const array& b = args.in[1];
  const array same = equal(a, b);
  return {args.flag(0) ? logical_or(same, logical_and(isnan(a), isnan(b))) : same};
}

constexpr ReadRow one(std::string_view name, Arrays (*read)(const ReadArgs&),
                      std::string_view schema = "") {
  return {name, schema, 1, 1, read};
}
constexpr ReadRow two(std::string_view name, Arrays (*read)(const ReadArgs&),
                      std::string_view schema = "") {
  return {name, schema, 2, 2, read, true};
}

}  // namespace

std::vector<Id> write_elementwise(Lowering& to, const WriteArgs& args) {
  if (&args.op == &kAsType) {
    return {to.cast(args.in[0], args.attrs.get<AsTypeAttrs>().dtype)};
  }
  const auto opcode = static_cast<Opcode>(args.op.row->opcode);
  Arrays stand_ins;
  for (const Id x : args.in) {
    stand_ins.push_back(make_array({}, to.dtype(x)));
  }
  std::vector<Id> in;
  for (size_t i = 0; i < args.in.size(); ++i) {
    in.push_back(to.cast(args.in[i], args.op.row->operand(stand_ins, static_cast<int>(i))));
  }
  const Type& out = args.out[0];
  in = to.broadcast_together(in, out.shape);
  if (to.dtype(in[0]) == complex64 && (opcode == Opcode::isinf || opcode == Opcode::isfinite)) {
    return to.add_as(opcode == Opcode::isinf ? formula_infinite : formula_finite, args.op,
                     args.attrs, {}, in, args.out);
  }
  const Name* row = find_name(opcode);
  if (row == nullptr) {
    return {write_composed(to, opcode, in[0])};
  }
  if (opcode == Opcode::abs) {  // which stays complex there
    return {to.cast(to.add("Abs", {}, in, {out.shape, to.dtype(in[0])}), out.dtype)};
  }
  return {to.add(row->name, row->state, in, out)};
}

std::span<const ReadRow> elementwise_readers() {
  static constexpr ReadRow kRows[] = {
      one(
          "AsType", [](const ReadArgs& a) -> Arrays { return {astype(a.in[0], a.get<Dtype>(0))}; },
          "t"),
      one("Abs",
          // MLX's stays complex, and a cast follows.
          [](const ReadArgs& a) -> Arrays { return {astype(abs(a.in[0]), a.out[0].dtype)}; }),
      one("Negative", unary<negative>),
      one("Sign", unary<sign>),
      one("Square", unary<square>),
      one(
          "Sqrt",
          [](const ReadArgs& a) -> Arrays { return {a.flag(0) ? rsqrt(a.in[0]) : sqrt(a.in[0])}; },
          "b"),
      one("Exp", unary<exp>),
      one("Expm1", unary<expm1>),
      one("Log", read_log, "i"),
      one("Log1p", unary<log1p>),
      one("Sin", unary<sin>),
      one("Cos", unary<cos>),
      one("Tan", unary<tan>),
      one("ArcSin", unary<arcsin>),
      one("ArcCos", unary<arccos>),
      one("ArcTan", unary<arctan>),
      one("Sinh", unary<sinh>),
      one("Cosh", unary<cosh>),
      one("Tanh", unary<tanh>),
      one("ArcSinh", unary<arcsinh>),
      one("ArcCosh", unary<arccosh>),
      one("ArcTanh", unary<arctanh>),
      one("Sigmoid", unary<sigmoid>),
      one("Erf", unary<erf>),
      one("ErfInv", unary<erfinv>),
      one("Floor", unary<floor>),
      one("Ceil", unary<ceil>),
      one("Round", unary<round>),
      one("Conjugate", unary<conjugate>),
      one("Real", unary<real>),
      one("Imag", unary<imag>),
      one("LogicalNot", unary<logical_not>),
      one("collective::isinf", unary<isinf>),
      one("collective::isfinite", unary<isfinite>),
      two("Add", binary<add>),
      two("Subtract", binary<subtract>),
      two("Multiply", binary<multiply>),
      two("Divide", binary<divide>),
      two("FloorDivide", binary<floor_divide>),
      two("Remainder", binary<remainder>),
      {"DivMod", "", 2, 2, [](const ReadArgs& a) -> Arrays { return divmod(a.in[0], a.in[1]); }},
      two("Power", binary<power>),
      two("Maximum", binary<maximum>),
      two("Minimum", binary<minimum>),
      two("ArcTan2", binary<arctan2>),
      two("LogAddExp", binary<logaddexp>),
      two("Equal", read_equal, "b"),
      two("NotEqual", binary<not_equal>),
      two("Greater", binary<greater>),
      two("GreaterEqual", binary<greater_equal>),
      two("Less", binary<less>),
      two("LessEqual", binary<less_equal>),
      two("LogicalAnd", binary<logical_and>),
      two("LogicalOr", binary<logical_or>),
      two("BitwiseBinary", read_bitwise, "i"),
      {"Select", "", 3, 3,
       [](const ReadArgs& a) -> Arrays { return {where(a.in[0], a.in[1], a.in[2])}; }, true},
  };
  return kRows;
}

}  // namespace mlx::core::io
