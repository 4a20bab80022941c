"""Calls of reductions, cumulative operations and sorting."""

import numpy as np

import wire
from calls.row import Row


def magnitude_sum(call):
    """The largest sum of magnitudes there can be."""
    values = call.arrays[0].values
    with np.errstate(all="ignore"):
        finite = np.abs(values[np.isfinite(values)].astype(np.complex128 if np.iscomplexobj(values)
                                                            else np.float64))
        return float(min(finite.sum(), 1e300)) if finite.size else 0.0


def reduction(op, dtypes=wire.DTYPES, values="any", spread=False):
    def make(g):
        # Some axes of reductions are long: many accumulators, several threads.
        array = g.array(g.shape(), g.dtype(dtypes), values)
        args = {}
        axis = g.axis_or_axes(len(array.shape))
        if axis is not None:
            args["axis"] = axis
        if g.chance(0.5):
            args["keepdims"] = g.chance(0.5)
        if spread and g.chance(0.5):
            args["ddof"] = g.integer(0, 2)
        return wire.Call(op, [array], args)
    return make


def position(op):
    def make(g):
        dtype = g.dtype()
        # An order of complex numbers with NaN is nobody's.
        values = g.choose(["normal", "small", "normal" if dtype == "complex64" else "special"])
        array = g.array(g.shape(), dtype, values)
        args = {"axis": g.axis(len(array.shape))} if g.chance(0.7) else {}
        if g.chance(0.5):
            args["keepdims"] = g.chance(0.5)
        return wire.Call(op, [array], args)
    return make


def scan(op, dtypes=wire.DTYPES, values="any", typed=False):
    def make(g):
        # Short for cumprod: its derivative is a matrix of n by n.
        shape = g.short_shape(4) if op == "cumprod" else g.shape()
        array = g.array(shape, g.dtype(dtypes), values)
        args = {"axis": g.axis(len(array.shape))} if g.chance(0.7) else {}
        for name in ("reverse", "inclusive"):
            if g.chance(0.6):
                args[name] = g.chance(0.5)
        if typed and g.chance(0.2):
            args["dtype"] = g.choose(["float32", "int32", "int64", "float16"])
        return wire.Call(op, [array], args)
    return make


def sorting(op):
    def make(g):
        array = g.array(g.shape(), g.dtype(), g.choose(["normal", "small", "special", "any"]))
        return wire.Call(op, [array], {"axis": g.axis(len(array.shape))} if g.chance(0.8) else {})
    return make


def selection(op, count):
    def make(g):
        shape = g.shape(low=1)
        array = g.array(shape, g.dtype(wire.REALS), g.choose(["normal", "small"]))
        axis = g.axis(len(shape))
        size = shape[axis] if -len(shape) <= axis < len(shape) else 3
        low = -size if count == "kth" else 0
        return wire.Call(op, [array], {"axis": axis, count: g.integer(low, max(size - 1, 0))
                                       if g.chance(0.95) else size + 2})
    return make


def by_axis(call, outputs):
    """Partitions are determined up to the order on both sides: sort each side. Of positions, the
    elements there."""
    axis = call.args["axis"]
    values = outputs[0].storage
    if call.op == "argpartition":
        values = np.take_along_axis(call.arrays[0].storage, values.astype(np.int64), axis)
    numbers = wire.to_values(values, call.arrays[0].dtype)
    if call.op == "topk":
        order = [np.argsort(numbers, axis=axis, kind="stable")]
    else:
        kth = call.args["kth"] % numbers.shape[axis]
        below, above = np.split(numbers, [kth], axis)
        order = [np.argsort(below, axis=axis), np.argsort(above, axis=axis) + kth]
    sorted_values = np.take_along_axis(values, np.concatenate(order, axis), axis)
    return [wire.Array(np.ascontiguousarray(sorted_values), call.arrays[0].dtype)]


def searchsorted(g):
    dtype = g.dtype(wire.REALS)
    line = g.array([g.size()], dtype, "normal", plain=True)
    line.base = np.sort(line.values).astype(np.float32) if dtype == "bfloat16" else np.sort(line.base)
    if dtype == "bfloat16":
        line.base = wire.to_bfloat16(line.base)
    values = g.array(g.shape(high=3), dtype if g.chance(0.8) else g.dtype(wire.REALS), "normal")
    return wire.Call("searchsorted", [line, values], {"side": g.choose(["left", "right"])})


def softmax(g):
    call = reduction("softmax", values=g.choose(["normal", "special", "small"]))(g)
    call.args.pop("keepdims", None)
    if g.chance(0.3):
        call.args["precise"] = True
    return call


def diff(g):
    array = g.array(g.shape(), g.dtype(), "normal")
    return wire.Call("diff", [array], {"n": g.integer(-1, 3) if g.chance(0.1) else g.integer(0, 3),
                                       "axis": g.axis(len(array.shape))})


SUMS = ("scaled", 8)

ROWS = [
    Row("sum", reduction("sum"), SUMS, magnitude_sum, differentiable=True),
    Row("prod", reduction("prod", values="normal"), ("ulps", 40), differentiable=True),
    *(Row(op, reduction(op), "equal", differentiable=True) for op in ("max", "min")),
    *(Row(op, reduction(op), "exact") for op in ("all", "any", "count_nonzero")),
    Row("mean", reduction("mean"), SUMS, magnitude_sum, differentiable=True),
    Row("median", reduction("median"), ("ulps", 2)),
    Row("logsumexp", reduction("logsumexp", wire.REALS), ("scaled", 8), differentiable=True),
    *(Row(op, reduction(op, values="normal", spread=True), ("scaled", 16), magnitude_sum,
          differentiable=True) for op in ("var", "std")),
    *(Row(op, position(op), "exact") for op in ("argmin", "argmax")),
    Row("cumsum", scan("cumsum", typed=True), ("scaled", 16), magnitude_sum, differentiable=True),
    Row("cumprod", scan("cumprod", values="normal", typed=True), ("ulps", 60), differentiable=True),
    *(Row(op, scan(op), "equal") for op in ("cummax", "cummin")),
    Row("logcumsumexp", scan("logcumsumexp", values="normal"), ("scaled", 16), differentiable=True),
    *(Row(op, sorting(op), "equal") for op in ("sort", "argsort")),
    *(Row(op, selection(op, "kth"), "equal", canonical=by_axis)
      for op in ("partition", "argpartition")),
    Row("topk", selection("topk", "k"), "equal", canonical=by_axis),
    Row("searchsorted", searchsorted, "exact", shuffles=False),
    Row("softmax", softmax, ("ulps", 8), differentiable=True),
    Row("diff", diff, ("scaled", 4), magnitude_sum, differentiable=True),
]
