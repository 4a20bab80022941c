"""The differences from MLX that are deliberate: each rule names its row of docs/differences.md."""

import dataclasses
import typing

import numpy as np

import judge
import wire

HALVES = ("float16", "bfloat16")


@dataclasses.dataclass
class Rule:
    # How the row of docs/differences.md begins.
    row: str
    # (call, ours, theirs, kind of the difference) -> whether this is it
    applies: typing.Callable


def mlx_dies(call, ours, theirs, kind):
    return theirs.error in ("crash", "hang") and ours.error not in ("crash", "hang")


def bad_axis(call, ours, theirs, kind):
    return kind == "error type" and {ours.error, theirs.error} == {"ValueError", "IndexError"} and (
        any("xis " in side.text or "xes" in side.text for side in (ours, theirs)))


def unseen_axis(call, ours, theirs, kind):
    return kind == "error" and not theirs.error and "xis" in ours.text and "out of bounds" in ours.text


def fused_halves(call, ours, theirs, kind):
    """Differences of the size of one rounding to half precision."""
    if kind != "values":
        return False
    epsilon = max(wire.EPSILON.get(d, 0) for d in [a.dtype for a in call.arrays] + [call.args.get("dtype")])
    rounding = max(epsilon / wire.EPSILON[o.dtype] if o.dtype in wire.EPSILON else 0 for o in ours.outputs)
    return epsilon >= wire.EPSILON["float16"] and judge.differs(ours, theirs, ("scaled", 4 * rounding), 1.0) is None


def single_precision(call, ours, theirs, kind):
    """MLX computes exponentials and the like of float64 to about 8 digits."""
    tolerance = 2.0**34 if call.op == "logcumsumexp" else 2.0**30  # thousands of exponentials
    return kind.startswith("values") and bool(call.transform) and (
        any(o.dtype == "float64" for o in ours.outputs)
        and judge.differs(ours, theirs, ("scaled", tolerance), 1.0) is None)


def narrow_sums(call, ours, theirs, kind):
    """MLX adds up the derivative in the dtype of the array."""
    return call.op == "logcumsumexp" and kind.startswith("values") and bool(call.transform) and (
        call.arrays[0].dtype in HALVES or judge.differs(ours, theirs, ("scaled", 2.0**12), 1.0) is None)


def works_here(*ops, text=""):
    """MLX refuses what works here."""
    return lambda call, ours, theirs, kind: (
        call.op in ops and kind == "error" and not ours.error and text in theirs.text)


def refused_here(*ops, text=""):
    return lambda call, ours, theirs, kind: (
        call.op in ops and kind == "error" and ours.error == "ValueError" and text in ours.text)


def ties(call):
    values = call.arrays[0].values
    return len(np.unique(values)) < values.size


def by_zero(call, ours, theirs, kind):
    return call.op in ("floor_divide", "remainder", "divmod") and kind == "values" and (
        all(a.dtype in wire.INTEGERS + ["bool"] for a in call.arrays) and (call.arrays[1].values == 0).any())


def of(*ops, kinds=("values",), dtypes=wire.DTYPES):
    return lambda call, ours, theirs, kind: (
        call.op in ops and kind in kinds and all(o.dtype in dtypes for o in ours.outputs or []))


def cropped(call, ours, theirs, kind):
    """Padding beyond the reach of the kernel."""
    if not call.op.startswith("conv_transpose"):
        return False

    def sizes(name, otherwise):
        value = call.args.get(name, otherwise)
        return value if isinstance(value, list) else [value] * (len(call.arrays[1].shape) - 2)

    return any(p > d * (k - 1) for p, d, k in zip(sizes("padding", 0), sizes("dilation", 1),
                                                  call.arrays[1].shape[1:-1]))


def no_rule(call, ours, theirs, kind):
    """MLX lacks the derivative or the mapping."""
    lacking = "mplemented" in theirs.text or "NYI" in theirs.text or "upported" in theirs.text
    return bool(call.transform) and (kind == "error" and not ours.error or kind == "error type" and lacking)


def wrong_derivative_shape(call, ours, theirs, kind):
    """MLX's derivative has not the shape of what it is the derivative of, ours has."""
    if kind != "shape" or not call.transform or call.transform["kind"] == "vmap":
        return False
    count = len(ours.outputs)
    if call.transform["kind"] == "vjp":
        of = call.transform["of"]
        pairs = list(zip(of, ours.outputs[count - len(of):]))
        return all(call.arrays[i].shape == output.shape for i, output in pairs)
    half = count // 2
    return all(a.shape == b.shape for a, b in zip(ours.outputs[:half], ours.outputs[half:]))


# Rules that the script applies itself, after having computed results in another way.
FINITE_DIFFERENCES = "derivatives: their values"
LOOP = "vmap: results"

RULES = [
    Rule("calls of which MLX dies", mlx_dies),
    Rule("an axis that is not there", bad_axis),
    Rule("an axis that is not there, of one or of no elements", unseen_axis),
    Rule("element-wise operations on float16 and bfloat16", fused_halves),
    Rule("functions of float64 and their derivatives", single_precision),
    Rule("`random::truncated_normal` of float16 and bfloat16", of("random.truncated_normal", dtypes=HALVES)),
    Rule("`quantize`, modes mxfp4 and mxfp8: scale",
         lambda call, ours, theirs, kind: call.op == "quantize" and call.args["mode"] in ("mxfp4", "mxfp8")),
    Rule("`softmax` of integers over several axes", lambda call, ours, theirs, kind: (
        call.op == "softmax" and kind == "dtype" and theirs.outputs[0].dtype == "float32" and (
            sum(size > 1 for size in call.arrays[0].shape) <= 1))),
    Rule("`power` of integers with a negative exponent", lambda call, ours, theirs, kind: (
        call.op == "power" and kind == "values" and ours.outputs[0].dtype in wire.INTEGERS and (
            (call.arrays[1].values < 0).any()))),
    Rule("`pad`: derivative by the pad value", lambda call, ours, theirs, kind: (
        call.op == "pad" and kind == "values" and call.transform and "constant_values" in call.args)),
    Rule("integers divided by zero", by_zero),
    Rule("`floor_divide` of complex numbers", refused_here("floor_divide", text="complex64")),
    Rule("`floor_divide` of integers", of("floor_divide")),
    Rule("`logcumsumexp`: derivative", narrow_sums),
    Rule("`logcumsumexp` of integers", of("logcumsumexp", kinds=("dtype",), dtypes=wire.INTEGERS + ["bool"])),
    Rule("`cumprod`, `logcumsumexp` of complex numbers: derivative",
         lambda call, ours, theirs, kind: call.op in ("cumprod", "logcumsumexp") and kind == "values" and (
             call.transform and ours.outputs[0].dtype == "complex64")),
    Rule("`linalg::norm` of complex numbers", lambda call, ours, theirs, kind: (
        call.op == "linalg.norm" and kind == "dtype" and call.arrays[0].dtype == "complex64")),
    Rule("`pad` of an empty axis in mode edge", refused_here("pad", text="empty")),
    Rule("`fast::layer_norm` with a bias but no weight", of("fast.layer_norm", kinds=("dtype",))),
    Rule("`nan_to_num` of float64 and complex64", refused_here("nan_to_num", text="Not defined")),
    Rule("`median` over no axes", works_here("median", text="flatten")),
    Rule("`gather_mm`, `block_masked_mm` of float16, bfloat16, float64",
         works_here("gather_mm", "block_masked_mm", text="float32")),
    Rule("`conv3d`, `conv_transpose3d` with groups",
         works_here("conv3d", "conv_transpose3d", "conv_general", text="groups")),
    Rule("`conv_transpose` with more padding than the kernel reaches", cropped),
    Rule("`fftshift`, `ifftshift`, `flip`: an axis twice",
         refused_here("fft.fftshift", "fft.ifftshift", "flip", text="twice")),
    Rule("`roll`: one shift for several axes, as a list", works_here("roll", text="one shift value")),
    Rule("`softmax` of no elements", lambda call, ours, theirs, kind: (
        call.op == "softmax" and kind == "dtype" and call.arrays[0].storage.size == 0)),
    Rule("`vecdot` of different numbers of axes", lambda call, ours, theirs, kind: (
        call.op == "vecdot" and len(call.arrays[0].shape) != len(call.arrays[1].shape))),
    Rule("`softmax` of integers over another axis than the last", of("softmax", dtypes=wire.INTEGERS)),
    Rule("`einsum` of integers", refused_here("einsum", text="integers")),
    Rule("`max`, `min` under jvp where several elements are the extreme", lambda call, ours, theirs, kind: (
        call.op in ("max", "min") and kind == "values" and call.transform and call.transform["kind"] == "jvp" and (
            ties(call)))),
    Rule("`gather_mm`, `segmented_mm`: index or segment out of range",
         lambda call, ours, theirs, kind: call.op == "segmented_mm" and ours.error == "IndexError"),
    Rule("`random::categorical` of no samples", works_here("random.categorical", text="zero size")),
    Rule("`take` of one negative index", works_here("take_one", text="squeeze")),
    Rule("convolution: a kernel larger than the padded input",
         lambda call, ours, theirs, kind: call.op.startswith("conv") and "too small" in ours.text),
    Rule("derivatives and vmap that MLX lacks", no_rule),
    Rule("derivatives: their shape", wrong_derivative_shape),
]


def explain(call, ours, theirs, difference):
    """The row that explains a difference, or None."""
    for rule in RULES:
        if rule.applies(call, ours, theirs, difference[0]):
            return rule.row
    return None


def check(document):
    """Every rule has its row."""
    text = document.read_text()
    rows = [rule.row for rule in RULES] + [FINITE_DIFFERENCES, LOOP]
    missing = [row for row in rows if f"| {row}" not in text]
    if missing:
        raise SystemExit(f"{document.name} lacks rows: {'; '.join(missing)}")
