// Element-wise operations.

#include "call.h"
#include "mlx/core/ops.h"

namespace differential {

using namespace mlx::core;  // NOLINT

#define UNARY(name)                                              \
  Entry {                                                        \
#name, [](const Call& c) -> Results { return {name(c[0])}; } \
  }
#define BINARY(name)                                                   \
  Entry {                                                              \
#name, [](const Call& c) -> Results { return {name(c[0], c[1])}; } \
  }
/// An operator of an array and a number on either side: "type" is int, float or bool.
#define OPERATOR(name, op)                                                        \
  Entry {                                                                         \
    name, [](const Call& c) -> Results {                                          \
      return with_number(c, [](const auto& a, const auto& b) { return a op b; }); \
    }                                                                             \
  }

namespace {

template <typename Function>
Results with_number(const Call& c, Function apply) {
  const auto on_side = [&](auto number) -> Results {
    return {c.flag("left") ? apply(number, c[0]) : apply(c[0], number)};
  };
  const std::string type = c.text("type");
  if (type == "bool") {
    return on_side(c.number("value") != 0);
  }
  if (type == "int") {
    return on_side(c.integer("value"));
  }
  return on_side(static_cast<float>(c.number("value")));
}

const Entry kElementwiseEntries[] = {
    UNARY(abs),
    UNARY(negative),
    UNARY(sign),
    UNARY(square),
    UNARY(reciprocal),
    UNARY(sqrt),
    UNARY(rsqrt),
    UNARY(exp),
    UNARY(expm1),
    UNARY(log),
    UNARY(log2),
    UNARY(log10),
    UNARY(log1p),
    UNARY(sin),
    UNARY(cos),
    UNARY(tan),
    UNARY(arcsin),
    UNARY(arccos),
    UNARY(arctan),
    UNARY(sinh),
    UNARY(cosh),
    UNARY(tanh),
    UNARY(arcsinh),
    UNARY(arccosh),
    UNARY(arctanh),
    UNARY(sigmoid),
    UNARY(erf),
    UNARY(erfinv),
    UNARY(floor),
    UNARY(ceil),
    UNARY(trunc),
    UNARY(conjugate),
    UNARY(real),
    UNARY(imag),
    UNARY(isnan),
    UNARY(isinf),
    UNARY(isfinite),
    UNARY(isposinf),
    UNARY(isneginf),
    UNARY(logical_not),
    UNARY(bitwise_invert),
    UNARY(degrees),
    UNARY(radians),
    UNARY(positive),
    UNARY(stop_gradient),
    UNARY(copy),
    BINARY(add),
    BINARY(subtract),
    BINARY(multiply),
    BINARY(divide),
    BINARY(floor_divide),
    BINARY(remainder),
    BINARY(power),
    BINARY(maximum),
    BINARY(minimum),
    BINARY(arctan2),
    BINARY(logaddexp),
    BINARY(equal),
    BINARY(not_equal),
    BINARY(greater),
    BINARY(greater_equal),
    BINARY(less),
    BINARY(less_equal),
    BINARY(logical_and),
    BINARY(logical_or),
    BINARY(logical_xor),
    BINARY(bitwise_and),
    BINARY(bitwise_or),
    BINARY(bitwise_xor),
    BINARY(left_shift),
    BINARY(right_shift),
    OPERATOR("operator+", +),
    OPERATOR("operator-", -),
    OPERATOR("operator*", *),
    OPERATOR("operator/", /),
    OPERATOR("operator%", %),
    OPERATOR("operator<", <),
    OPERATOR("operator<=", <=),
    OPERATOR("operator>", >),
    OPERATOR("operator>=", >=),
    OPERATOR("operator==", ==),
    OPERATOR("operator!=", !=),
    {"divmod", [](const Call& c) -> Results { return divmod(c[0], c[1]); }},
    {"round", [](const Call& c) -> Results { return {round(c[0], c.integer("decimals", 0))}; }},
    {"astype", [](const Call& c) -> Results { return {astype(c[0], c.dtype("dtype"))}; }},
    {"view", [](const Call& c) -> Results { return {view(c[0], c.dtype("dtype"))}; }},
    {"where", [](const Call& c) -> Results { return {where(c[0], c[1], c[2])}; }},
    {"clip",
     [](const Call& c) -> Results { return {clip(c[0], c.maybe("a_min"), c.maybe("a_max"))}; }},
    {"nan_to_num",
     [](const Call& c) -> Results {
       return {nan_to_num(c[0], static_cast<float>(c.number("nan", 0)), c.maybe_number("posinf"),
                          c.maybe_number("neginf"))};
     }},
    {"isclose",
     [](const Call& c) -> Results {
       return {isclose(c[0], c[1], c.number("rtol", 1e-5), c.number("atol", 1e-8),
                       c.flag("equal_nan"))};
     }},
    {"allclose",
     [](const Call& c) -> Results {
       return {allclose(c[0], c[1], c.number("rtol", 1e-5), c.number("atol", 1e-8),
                        c.flag("equal_nan"))};
     }},
    {"array_equal",
     [](const Call& c) -> Results { return {array_equal(c[0], c[1], c.flag("equal_nan"))}; }},
    {"to_fp8", [](const Call& c) -> Results { return {to_fp8(c[0])}; }},
    {"from_fp8",
     [](const Call& c) -> Results { return {from_fp8(c[0], c.dtype("dtype", bfloat16))}; }},
};

}  // namespace

std::span<const Entry> elementwise_entries() { return kElementwiseEntries; }

}  // namespace differential
