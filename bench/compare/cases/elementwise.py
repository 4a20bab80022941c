"""Element-wise operations: a million elements each, which the caches hold; then others."""

from . import Case, short

COUNT = 1 << 20

NORMAL, SMALL, POSITIVE, LARGE = "normal", "uniform=-0.9,0.9", "uniform=0.1,4", "uniform=1,9"

# name: values of the inputs, PyTorch's name where it is another.
UNARY = {
    "abs": (NORMAL, ""), "negative": (NORMAL, ""), "sign": (NORMAL, ""), "square": (NORMAL, ""),
    "reciprocal": (POSITIVE, ""), "sqrt": (POSITIVE, ""), "rsqrt": (POSITIVE, ""),
    "exp": (NORMAL, ""), "expm1": (NORMAL, ""), "log": (POSITIVE, ""), "log2": (POSITIVE, ""),
    "log10": (POSITIVE, ""), "log1p": (POSITIVE, ""), "sin": (NORMAL, ""), "cos": (NORMAL, ""),
    "tan": (NORMAL, ""), "arcsin": (SMALL, ""), "arccos": (SMALL, ""), "arctan": (NORMAL, ""),
    "sinh": (NORMAL, ""), "cosh": (NORMAL, ""), "tanh": (NORMAL, ""), "arcsinh": (NORMAL, ""),
    "arccosh": (LARGE, ""), "arctanh": (SMALL, ""), "sigmoid": (NORMAL, ""), "erf": (NORMAL, ""),
    "erfinv": (SMALL, ""), "floor": (NORMAL, ""), "ceil": (NORMAL, ""), "round": (NORMAL, ""),
    "isnan": (NORMAL, ""), "isinf": (NORMAL, ""), "isfinite": (NORMAL, ""),
    "isposinf": (NORMAL, ""), "isneginf": (NORMAL, ""), "logical_not": (NORMAL, ""),
}
BINARY = {
    "add": (NORMAL, ""), "subtract": (NORMAL, ""), "multiply": (NORMAL, ""),
    "divide": (POSITIVE, ""), "floor_divide": (POSITIVE, ""), "remainder": (POSITIVE, ""),
    "power": (POSITIVE, "pow"), "maximum": (NORMAL, ""), "minimum": (NORMAL, ""),
    "arctan2": (NORMAL, ""), "logaddexp": (NORMAL, ""), "equal": (NORMAL, "eq"),
    "not_equal": (NORMAL, "ne"), "greater": (NORMAL, ""), "greater_equal": (NORMAL, ""),
    "less": (NORMAL, ""), "less_equal": (NORMAL, ""), "logical_and": (NORMAL, ""),
    "logical_or": (NORMAL, ""),
}
INTEGER_BINARY = {"add": "", "multiply": "", "floor_divide": "", "remainder": "", "maximum": "",
                  "bitwise_and": "", "bitwise_or": "", "bitwise_xor": "",
                  "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift"}
ADDS = """
def adds(x, one):
    for _ in range(10_000):
        x = x + one
    return x
"""


def row(name, values, theirs="", dtype="float32", size=str(COUNT), label=""):
    operands = 2 if name in BINARY or name in INTEGER_BINARY else 1
    names = "a, b" if operands == 2 else "a"
    return Case(f"{name}{label}{short(dtype)}", name,
                " ".join([f"{dtype}:{size}:{values}"] * operands),
                f"mx.{name}({names})", f"torch.{theirs or name}({names})")


def cases():
    rows = [row(name, *how) for name, how in {**UNARY, **BINARY}.items()]
    for dtype in ("bfloat16", "float16"):
        rows += [row(name, {**UNARY, **BINARY}[name][0], dtype=dtype)
                 for name in ("exp", "tanh", "sigmoid", "sqrt", "add", "multiply", "maximum")]
    rows += [row(name, "below=30", theirs, dtype="int32")
             for name, theirs in INTEGER_BINARY.items()
             if name not in ("floor_divide", "remainder")]
    rows += [Case(f"{name} i32", name, f"int32:{COUNT}:below=1000 int32:{COUNT}:uniform=1,30",
                  f"mx.{name}(a, b)", f"torch.{name}(a, b)")
             for name in ("floor_divide", "remainder")]
    rows += [row(name, NORMAL, size=str(1 << 24), label=" 16M") for name in ("add", "exp")]
    rows += [row(name, NORMAL, size="1000", label=" 1000") for name in ("add", "exp", "tanh")]
    one = f"float32:{COUNT}:normal"
    return rows + [
        Case("gelu, (8, 1000, 4096)", "gelu", "float32:8x1000x4096:normal",
             "a * (1 + mx.erf(a / 1.4142135623730951)) / 2", "F.gelu(a)"),
        Case("where", "where", f"bool:{COUNT}:below=2 {one} {one}", "mx.where(a, b, c)",
             "torch.where(a, b, c)"),
        Case("clip", "clip", one, "mx.clip(a, -0.5, 0.5)", "torch.clamp(a, -0.5, 0.5)"),
        Case("add row", "add", "float32:1024x1024:normal float32:1024:normal", "a + b", "a + b"),
        Case("add column", "add", "float32:1024x1024:normal float32:1024x1:normal", "a + b", "a + b"),
        Case("add transposed", "add_transposed", "float32:1024x1024:normal float32:1024x1024:normal",
             "a + b.T", "a + b.T"),
        Case("to bfloat16", "to_bfloat16", one, "a.astype(mx.bfloat16)", "a.bfloat16()"),
        Case("to float16", "to_float16", one, "a.astype(mx.float16)", "a.half()"),
        Case("to int32", "to_int32", one, "a.astype(mx.int32)", "a.int()"),
        Case("from bfloat16", "to_float32", f"bfloat16:{COUNT}:normal", "a.astype(mx.float32)",
             "a.float()"),
        Case("from int32", "to_float32", f"int32:{COUNT}:below=1000", "a.astype(mx.float32)",
             "a.float()"),
        Case("10,000 scalar adds", "scalar_adds", "", "adds(mx.array(0.0), mx.array(1.0))",
             "adds(torch.tensor(0.0), torch.tensor(1.0))", mlx_first=ADDS, torch_first=ADDS),
    ]
