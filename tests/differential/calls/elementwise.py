"""Calls of element-wise operations."""

import wire
from calls.row import Row

NO_COMPLEX = wire.REALS
ROUNDED = ("ulps", 4)


def unary(op, dtypes=wire.DTYPES, values="any"):
    def make(g):
        dtype = g.dtype(dtypes if g.chance(0.95) else wire.DTYPES)
        return wire.Call(op, [g.array(g.shape(), dtype, values)])
    return make


def pair(g, dtypes, values="any"):
    """Two arrays that broadcast, of one dtype or two."""
    shapes = g.broadcast_shapes(2)
    first = g.dtype(dtypes)
    second = first if g.chance(0.5) else g.dtype(dtypes)
    return [g.array(shapes[0], first, values), g.array(shapes[1], second, values)]


def binary(op, dtypes=wire.DTYPES, values="any"):
    return lambda g: wire.Call(op, pair(g, dtypes if g.chance(0.95) else wire.DTYPES, values))


def with_number(op):
    """An operator whose other operand is a number of C++."""
    def make(g):
        kind = g.choose(["int", "float", "bool"])
        value = {"int": g.integer(-3, 5), "float": round(float(g.rng.normal()), 3),
                 "bool": g.integer(0, 1)}[kind]
        array = g.array(g.shape(), g.dtype(), "normal")
        if op == "operator%" and value == 0:
            value = 1
        if op == "operator%" and array.dtype in wire.INTEGERS + ["bool"]:
            kind, value = "float", 1.5  # integers by zero are another subject
        return wire.Call(op, [array], {"value": value, "type": kind, "left": g.chance(0.5)})
    return make


def division(op):
    """Seldom by an integer that is zero: MLX dies of it."""
    def make(g):
        call = binary(op, wire.DTYPES if op == "power" else NO_COMPLEX)(g)
        divisor = call.arrays[1]
        if divisor.dtype in wire.INTEGERS + ["bool"] and g.chance(0.98):
            divisor.base = divisor.base.copy()
            divisor.base[divisor.base == 0] = 1
        return call
    return make


def power(g):
    call = binary("power")(g)
    if call.arrays[1].dtype in wire.SIGNED and g.chance(0.9):  # negative exponents of integers
        call.arrays[1].base = abs(call.arrays[1].base) % 7
    if any(a.dtype == "complex64" for a in call.arrays):
        # The error of exp(b log a) grows with b.
        call.arrays[1] = g.array(list(call.arrays[1].shape), call.arrays[1].dtype, "normal")
    return call


def power_tolerance(call):
    """Of complex numbers it is exp(b log a), whose error grows with b log a."""
    return ("ulps", 64) if any(a.dtype == "complex64" for a in call.arrays) else ROUNDED


def shift(op):
    def make(g):
        call = binary(op, wire.INTEGERS + ["bool"])(g)
        count = call.arrays[1]
        if count.dtype in wire.INTEGERS:  # counts beyond the width are undefined in MLX
            count.base = (count.base % 8).astype(count.base.dtype)
        return call
    return make


def round_decimals(g):
    return wire.Call("round", [g.array(g.shape(), g.dtype(), "normal")],
                     {"decimals": g.integer(-2, 4)} if g.chance(0.6) else {})


def astype(g):
    # Numbers beyond the range of an integer type are undefined in C++.
    source = g.dtype()
    target = g.dtype()
    lossy = source in wire.FLOATS + ["complex64"] and target in wire.INTEGERS
    values = "any" if not lossy else "positive" if target in wire.UNSIGNED else "small"
    return wire.Call("astype", [g.array(g.shape(), source, values)], {"dtype": target})


def view(g):
    return wire.Call("view", [g.array(g.shape(), g.dtype())], {"dtype": g.dtype()})


def where(g):
    shapes = g.broadcast_shapes(3)
    dtypes = ["bool" if g.chance(0.7) else g.dtype(), g.dtype(), g.dtype()]
    return wire.Call("where", [g.array(s, d) for s, d in zip(shapes, dtypes)])


def clip(g):
    dtype = g.dtype()
    shapes = g.broadcast_shapes(3)
    call = wire.Call("clip", [g.array(shapes[0], dtype)])
    for name, shape in zip(("a_min", "a_max"), shapes[1:]):
        if g.chance(0.8):
            call.name_array(name, g.array(shape if g.chance(0.5) else [],
                                          dtype if g.chance(0.8) else g.dtype(), "normal"))
    return call


def nan_to_num(g):
    call = wire.Call("nan_to_num", [g.array(g.shape(), g.dtype(), "special")])
    for name in ("nan", "posinf", "neginf"):
        if g.chance(0.4):
            call.args[name] = g.integer(-100, 100) / 8
    return call


def close(op):
    def make(g):
        arrays = pair(g, wire.DTYPES, "small" if g.chance(0.5) else "any")
        args = {"equal_nan": g.chance(0.5)}
        if g.chance(0.5):
            args.update(rtol=g.choose([0.0, 0.1, 0.7]), atol=g.choose([0.0, 0.5, 2.0]))
        return wire.Call(op, arrays, args)
    return make


def array_equal(g):
    arrays = pair(g, wire.DTYPES, "special")
    if g.chance(0.5):
        arrays[1] = arrays[0]
    return wire.Call("array_equal", arrays, {"equal_nan": g.chance(0.5)})


def from_fp8(g):
    return wire.Call("from_fp8", [g.array(g.shape(), "uint8")],
                     {"dtype": g.choose(["float32", "float16", "bfloat16"])})


EXACT = ["abs", "negative", "square", "positive", "copy", "isnan", "isinf", "isfinite",
         "isposinf", "isneginf", "logical_not", "conjugate", "real", "imag", "stop_gradient"]
EXACT_BINARY = ["add", "subtract", "multiply", "maximum", "minimum", "equal", "not_equal", "greater",
                "greater_equal", "less", "less_equal", "logical_and", "logical_or", "logical_xor"]
TRANSCENDENTAL = ["exp", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos",
                  "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "sqrt", "rsqrt",
                  "reciprocal"]
REAL_ONLY = ["expm1", "sigmoid", "erf", "erfinv", "degrees", "radians"]

ROWS = [
    *(Row(op, unary(op), "exact") for op in EXACT),
    Row("sign", unary("sign"), "equal"),
    *(Row(op, unary(op, NO_COMPLEX), "exact") for op in ("floor", "ceil", "trunc")),
    *(Row(op, unary(op, NO_COMPLEX if op == "arctan" else wire.DTYPES), ROUNDED)
      for op in TRANSCENDENTAL),
    *(Row(op, unary(op, NO_COMPLEX, "unit" if op == "erfinv" else "any"), ROUNDED)
      for op in REAL_ONLY),
    *(Row(op, binary(op), "exact") for op in EXACT_BINARY),
    *(Row(op, binary(op, wire.INTEGERS + ["bool"]), "exact")
      for op in ("bitwise_and", "bitwise_or", "bitwise_xor")),
    *(Row(op, shift(op), "exact") for op in ("left_shift", "right_shift")),
    *(Row(f"operator{op}", with_number(f"operator{op}"), ("ulps", 1) if op in "/%" else "exact")
      for op in ("+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=")),
    *(Row(op, division(op), ("ulps", 2)) for op in ("floor_divide", "remainder", "divmod")),
    Row("divide", binary("divide"), ("ulps", 1)),
    Row("power", power, power_tolerance),
    Row("arctan2", binary("arctan2", NO_COMPLEX), ROUNDED),
    Row("logaddexp", binary("logaddexp", NO_COMPLEX), ("scaled", 4), lambda call: 1.0),
    Row("bitwise_invert", unary("bitwise_invert", wire.INTEGERS + ["bool"]), "exact"),
    Row("round", round_decimals, ("ulps", 2)),
    Row("astype", astype, "exact"),
    Row("view", view, "exact"),
    Row("where", where, "exact"),
    Row("clip", clip, "equal"),
    Row("nan_to_num", nan_to_num, "exact"),
    Row("isclose", close("isclose"), "exact"),
    Row("allclose", close("allclose"), "exact"),
    Row("array_equal", array_equal, "exact"),
    Row("to_fp8", unary("to_fp8", ["float32", "float16", "bfloat16"]), "exact"),
    Row("from_fp8", from_fp8, "exact"),
]
