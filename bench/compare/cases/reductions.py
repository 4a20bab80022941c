"""Reductions of everything and along each axis, cumulative operations."""

from . import Case, short

SIDE = 2048
MIDDLE = "128x256x128"

# Name: PyTorch's for everything and along an axis.
REDUCTIONS = {
    "sum": ("torch.sum(a)", "torch.sum(a, {})"),
    "mean": ("torch.mean(a)", "torch.mean(a, {})"),
    "prod": ("torch.prod(a)", "torch.prod(a, {})"),
    "max": ("torch.amax(a)", "torch.amax(a, {})"),
    "min": ("torch.amin(a)", "torch.amin(a, {})"),
    "argmax": ("torch.argmax(a)", "torch.argmax(a, {})"),
    "argmin": ("torch.argmin(a)", "torch.argmin(a, {})"),
    "var": ("torch.var(a, unbiased=False)", "torch.var(a, {}, unbiased=False)"),
    "logsumexp": ("torch.logsumexp(a, (0, 1))", "torch.logsumexp(a, {})"),
    "all": ("torch.all(a)", "torch.all(a, {})"),
    "any": ("torch.any(a)", "torch.any(a, {})"),
}
SCANS = {
    "cumsum": "torch.cumsum(a, {})", "cumprod": "torch.cumprod(a, {})",
    "cummax": "torch.cummax(a, {})", "logcumsumexp": "torch.logcumsumexp(a, {})",
}


def reduction(name, dtype="float32"):
    everything, along = REDUCTIONS[name]
    # `any` of nothing true and `all` of nothing false read everything.
    kind = {"all": "below=1", "any": "below=1", "prod": "uniform=0.99,1.01"}.get(name, "normal")
    stored = "bool" if name in ("all", "any") else dtype
    def case(label, shape, axis):
        inputs = f"{stored}:{shape}:{kind}"
        ours = name if axis is None else f"{name}_{axis}"
        mlx = f"mx.{name}(a{'' if axis is None else f', {axis}'})"
        theirs = everything if axis is None else along.format(axis)
        first = "a = ~a" if name == "all" else ""
        return Case(f"{name} {label}{short(dtype)}", ours, inputs, mlx, theirs, first, first)
    square = f"{SIDE}x{SIDE}"
    return [case("everything", square, None), case("axis 0", square, 0), case("axis 1", square, 1),
            case("middle axis", MIDDLE, 1)]


def cases():
    rows = [case for name in REDUCTIONS for case in reduction(name)]
    rows += [case for dtype in ("bfloat16", "float16") for name in ("sum", "max")
             for case in reduction(name, dtype)]
    rows += [Case(f"{name} axis {axis}", f"{name}_{axis}", f"float32:{SIDE}x{SIDE}:uniform=0.9,1.1",
                  f"mx.{name}(a, {axis})", theirs.format(axis))
             for name, theirs in SCANS.items() for axis in (0, 1)]
    return rows + [
        Case("sum 16M", "sum", f"float32:{1 << 24}:normal", "mx.sum(a)", "torch.sum(a)"),
        Case("sum 1000", "sum", "float32:1000:normal", "mx.sum(a)", "torch.sum(a)"),
        Case("sum short rows, (131072, 8)", "sum_1", "float32:131072x8:normal", "mx.sum(a, 1)",
             "torch.sum(a, 1)"),
    ]
