"""Calls that create arrays and move elements."""

import math

import wire
from calls.reductions import magnitude_sum
from calls.row import Row


def some(g, low=0, **more):
    return g.array(g.shape(low=low, **more), g.dtype())


def factors(g, size, count):
    """A shape of so many axes and elements."""
    shape = [1] * count
    while size > 1:
        factor = next(f for f in range(2, size + 1) if size % f == 0)
        shape[g.integer(0, count - 1)] *= factor
        size //= factor
    return shape


def reshaped(g, size):
    shape = factors(g, size, g.integer(1, 4)) if size else [0, g.integer(1, 3)]
    if g.chance(0.4):
        shape[g.integer(0, len(shape) - 1)] = -1
    if g.chance(0.05):
        shape.append(g.choose([-1, 2, -2]))
    return shape


def reshape(g):
    array = some(g)
    return wire.Call("reshape", [array], {"shape": reshaped(g, math.prod(array.shape))})


def unflatten(g):
    array = some(g, low=1)
    axis = g.axis(len(array.shape))
    size = array.shape[axis] if -len(array.shape) <= axis < len(array.shape) else 4
    return wire.Call("unflatten", [array], {"axis": axis, "shape": reshaped(g, size)})


def flatten(g):
    array = some(g)
    args = {name: g.axis(len(array.shape)) for name in ("start_axis", "end_axis") if g.chance(0.6)}
    return wire.Call("flatten", [array], args)


def over_axes(op, ones=False):
    def make(g):
        shape = [1 if ones and g.chance(0.5) else size for size in g.shape()]
        array = g.array(shape, g.dtype())
        axis = g.axis_or_axes(len(shape))
        if ones and axis is not None and g.chance(0.8):
            axis = [i for i, size in enumerate(shape) if size == 1 and g.chance(0.7)]
        return wire.Call(op, [array], {} if axis is None else {"axis": axis})
    return make


def expand_dims(g):
    array = some(g, high=3)
    ndim = len(array.shape)
    axis = g.axis(ndim + 1) if g.chance(0.5) else g.axes(ndim + 2)[:2]
    return wire.Call("expand_dims", [array], {"axis": axis})


def transpose(g):
    array = some(g)
    ndim = len(array.shape)
    args = {}
    if g.chance(0.8):
        args["axes"] = [int(p) - (ndim if g.chance(0.2) else 0) for p in g.rng.permutation(ndim)]
        if args["axes"] and g.chance(0.04):
            args["axes"][0] = g.axis(ndim)
    return wire.Call("transpose", [array], args)


def two_axes(op, first, second):
    def make(g):
        array = some(g, low=1)
        return wire.Call(op, [array], {first: g.axis(len(array.shape)), second: g.axis(len(array.shape))})
    return make


def broadcast_to(g):
    target = g.shape()
    shape = [1 if g.chance(0.3) else size for size in target]
    while shape and g.chance(0.2):
        shape.pop(0)
    if target and g.chance(0.05):
        target[-1] += 1
    return wire.Call("broadcast_to", [g.array(shape, g.dtype())], {"shape": target})


def broadcast_arrays(g):
    return wire.Call("broadcast_arrays", [g.array(s, g.dtype()) for s in
                                          g.broadcast_shapes(g.integer(1, 3))])


def meshgrid(g):
    arrays = [g.array([g.size()] if g.chance(0.95) else [2, 2], g.dtype()) for _ in range(g.integer(1, 3))]
    return wire.Call("meshgrid", arrays, {"sparse": g.chance(0.5), "indexing": g.choose(["xy", "ij"])})


def concatenate(g):
    shape = g.shape(low=1, high=3)
    axis = g.axis(len(shape))
    arrays = []
    for _ in range(g.integer(1, 4)):
        other = list(shape)
        if -len(shape) <= axis < len(shape):
            other[axis] = g.size()
        arrays.append(g.array(other, g.dtype() if g.chance(0.4) else "float32"))
    if g.chance(0.03):
        arrays.append(g.array(shape + [2], "float32"))
    return wire.Call("concatenate", arrays, {"axis": axis})


def stack(g):
    shape = g.shape(high=3)
    arrays = [g.array(shape, g.dtype() if g.chance(0.4) else "float32") for _ in range(g.integer(1, 4))]
    if g.chance(0.03):
        arrays.append(g.array(shape + [2], "float32"))
    return wire.Call("stack", arrays, {"axis": g.axis(len(shape) + 1)})


def repeat(g):
    array = some(g, high=3)
    args = {"repeats": g.integer(0, 3) if g.chance(0.97) else -1}
    if g.chance(0.7):
        args["axis"] = g.axis(len(array.shape))
    return wire.Call("repeat", [array], args)


def tile(g):
    return wire.Call("tile", [some(g, high=3)], {"reps": [g.integer(0, 3) for _ in range(g.integer(0, 4))]})


def split(g):
    array = some(g, low=1)
    axis = g.axis(len(array.shape))
    size = array.shape[axis] if -len(array.shape) <= axis < len(array.shape) else 4
    if g.chance(0.5):
        divisors = [d for d in range(1, size + 1) if size % d == 0] or [1]
        sections = g.choose(divisors) if g.chance(0.9) else g.integer(0, 5)
    else:
        sections = sorted(g.integer(0, size) for _ in range(g.integer(1, 3)))
    return wire.Call("split", [array], {"indices_or_sections": sections, "axis": axis})


def unstack(g):
    array = some(g, low=1, high=3)
    return wire.Call("unstack", [array], {"axis": g.axis(len(array.shape))})


def pad(g):
    array = g.array(g.shape(low=1, high=3), g.dtype())
    ndim = len(array.shape)
    mode = g.choose(["constant", "constant", "edge", "reflect", "symmetric"])
    axes = list(range(ndim))
    args = {"mode": mode}
    if g.chance(0.3):
        axes = sorted({g.integer(0, ndim - 1) for _ in range(ndim)})
        args["axes"] = axes
    args["low"] = [g.integer(0, 4) for _ in axes]
    args["high"] = [g.integer(0, 4) for _ in axes]
    call = wire.Call("pad", [array], args)
    if mode == "constant" and g.chance(0.5):
        call.name_array("constant_values", g.array([], array.dtype if g.chance(0.7) else g.dtype(), "small"))
    return call


def roll(g):
    array = some(g)
    ndim = len(array.shape)
    axis = g.axis_or_axes(ndim)
    shift = g.integer(-9, 9)
    if isinstance(axis, list) and g.chance(0.6):
        shift = [g.integer(-9, 9) for _ in axis]
    elif g.chance(0.2):
        shift = [shift]
    return wire.Call("roll", [array], {"shift": shift, **({} if axis is None else {"axis": axis})})


def atleast(op):
    return lambda g: wire.Call(op, [some(g)])


def diag(g):
    return wire.Call("diag", [g.array(g.shape(g.choose([1, 2, 2, 3])), g.dtype())],
                     {"k": g.integer(-4, 4)})


def diagonal(op):
    def make(g):
        # Sums of extremes overflow or not, as the order has it.
        array = g.array(g.shape(low=2), g.dtype(), "normal" if op == "trace" else "any")
        args = {"offset": g.integer(-3, 3)}
        if g.chance(0.6):
            args.update(axis1=g.axis(len(array.shape)), axis2=g.axis(len(array.shape)))
        if op == "trace" and g.chance(0.3):
            args["dtype"] = g.choose(["float32", "int32", "int64", "float16"])
        return wire.Call(op, [array], args)
    return make


def triangle(op):
    return lambda g: wire.Call(op, [some(g, low=1)], {"k": g.integer(-4, 4)})


def matrix(op):
    def make(g):
        return wire.Call(op, [], {"n": g.integer(0, 6), "m": g.integer(0, 6), "k": g.integer(-4, 4),
                                  "dtype": g.dtype()})
    return make


def identity(g):
    return wire.Call("identity", [], {"n": g.integer(-1, 6), "dtype": g.dtype()})


def arange(g):
    if g.chance(0.5):
        return wire.Call("arange", [], {"start": g.integer(-9, 9), "stop": g.integer(-9, 30),
                                        "step": g.choose([1, 2, 3, -1, -2]), "integers": True})
    args = {"start": g.integer(-20, 20) / 4, "stop": g.integer(-20, 80) / 4,
            "step": g.choose([0.25, 0.5, 1.0, 1.5, -0.5])}
    if g.chance(0.5):
        args["dtype"] = g.choose(["float32", "float16", "bfloat16", "int32", "int64", "float64", "uint8"])
    return wire.Call("arange", [], args)


def linspace(g):
    return wire.Call("linspace", [], {"start": g.integer(-20, 20) / 4, "stop": g.integer(-20, 80) / 4,
                                      "num": g.integer(0, 12), "endpoint": g.chance(0.7),
                                      "dtype": g.choose(["float32", "float16", "bfloat16", "float64", "int32"])})


def filled(op):
    return lambda g: wire.Call(op, [], {"shape": g.shape(), "dtype": g.dtype()})


def full(g):
    shape = g.shape()
    values = g.array([] if g.chance(0.6) else shape[-1:], g.dtype(), "small")
    return wire.Call("full", [values], {"shape": shape, **({"dtype": g.dtype()} if g.chance(0.5) else {})})


def full_like(g):
    array = some(g)
    values = g.array([] if g.chance(0.6) else list(array.shape)[-1:], g.dtype(), "small")
    return wire.Call("full_like", [array, values], {"dtype": g.dtype()} if g.chance(0.5) else {})


def window(op):
    return lambda g: wire.Call(op, [], {"M": g.integer(-1, 40)})


def as_strided(g):
    array = g.array(g.full_shape(low=1, high=3), g.dtype(), plain=True)
    size = math.prod(array.shape)
    shape = [g.integer(1, 3) for _ in range(g.integer(1, 3))]
    room = size - 1
    strides = []
    for length in shape:
        step = g.integer(0, max(room // max(length - 1, 1), 0)) if length > 1 else 1
        strides.append(step)
        room -= step * (length - 1)
    return wire.Call("as_strided", [array], {"shape": shape, "strides": strides, "offset": g.integer(0, room)})


def number_of_elements(g):
    array = some(g, low=1)
    return wire.Call("number_of_elements", [array], {
        "axes": [a for a in range(len(array.shape)) if g.chance(0.6)],
        **({"inverted": True, "dtype": "float32"} if g.chance(0.3) else
           {"inverted": False, "dtype": g.choose(["int32", "float32", "int64"])})})


def depends(g):
    return wire.Call("depends", [some(g), some(g)])


ROWS = [
    Row("reshape", reshape, differentiable=True),
    Row("unflatten", unflatten, differentiable=True),
    Row("flatten", flatten, differentiable=True),
    Row("squeeze", over_axes("squeeze", ones=True), differentiable=True),
    Row("flip", over_axes("flip"), differentiable=True),
    Row("expand_dims", expand_dims, differentiable=True),
    Row("transpose", transpose, differentiable=True),
    Row("swapaxes", two_axes("swapaxes", "axis1", "axis2")),
    Row("moveaxis", two_axes("moveaxis", "source", "destination")),
    Row("broadcast_to", broadcast_to),
    Row("broadcast_arrays", broadcast_arrays),
    Row("meshgrid", meshgrid),
    Row("concatenate", concatenate, differentiable=True),
    Row("stack", stack, differentiable=True),
    Row("repeat", repeat),
    Row("tile", tile),
    Row("split", split, differentiable=True),
    Row("unstack", unstack),
    Row("pad", pad, differentiable=True),
    Row("roll", roll, differentiable=True),
    *(Row(op, atleast(op)) for op in ("atleast_1d", "atleast_2d", "atleast_3d", "contiguous", "zeros_like",
                                      "ones_like")),
    Row("diag", diag),
    Row("diagonal", diagonal("diagonal")),
    Row("trace", diagonal("trace"), ("scaled", 8), magnitude_sum),
    *(Row(op, triangle(op), "equal") for op in ("tril", "triu")),
    *(Row(op, matrix(op), mappable=False) for op in ("tri", "eye")),
    Row("identity", identity, mappable=False),
    Row("arange", arange, mappable=False),
    Row("linspace", linspace, ("scaled", 4), mappable=False),
    *(Row(op, filled(op), mappable=False) for op in ("zeros", "ones")),
    Row("full", full),
    Row("full_like", full_like),
    *(Row(op, window(op), ("scaled", 4), lambda call: 1.0, mappable=False)
      for op in ("hanning", "hamming", "bartlett", "blackman")),
    Row("as_strided", as_strided),
    Row("number_of_elements", number_of_elements, ("ulps", 1), mappable=False),
    Row("depends", depends, mappable=False),
]
