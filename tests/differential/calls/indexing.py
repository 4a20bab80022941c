"""Calls of slices, gathers and scatters. Indices are in range: MLX does not look."""

import numpy as np

import wire
from calls.row import Row
from calls.shapes import some


def slice_of(g, array, strided=True):
    """start, stop and strides as Python's slices have them, a little beyond the ends."""
    start, stop, strides = [], [], []
    for size in array.shape:
        start.append(g.integer(-size - 1, size))
        stop.append(g.integer(-size - 1, size + 1))
        strides.append(g.choose([1, 1, 2, 3, -1, -2]) if strided else 1)
    return {"start": start, "stop": stop, **({"strides": strides} if strided else {})}


def slice_plain(g):
    array = some(g, low=1)
    return wire.Call("slice", [array], slice_of(g, array, g.chance(0.8)))


def slice_update(op):
    def make(g):
        array = g.array(g.full_shape(low=1, high=3), g.dtype(), "normal")
        where = {"start": [], "stop": [], "strides": []}
        shape = []
        for size in array.shape:
            count = g.integer(1, size)
            step = g.integer(1, max((size - 1) // max(count - 1, 1), 1)) if count > 1 else 1
            start = g.integer(0, size - 1 - (count - 1) * step)
            where["start"].append(start)
            where["stop"].append(start + (count - 1) * step + 1)
            where["strides"].append(step)
            shape.append(1 if g.chance(0.15) else count)
        if all(step == 1 for step in where["strides"]) and g.chance(0.5):
            del where["strides"]
        dtype = array.dtype if g.chance(0.8) else g.dtype(wire.REALS)
        if op != "slice_update" and array.dtype in wire.INTEGERS + ["bool"]:
            dtype = array.dtype
        values = "small" if array.dtype in wire.INTEGERS else "normal"
        return wire.Call(op, [array, g.array(shape, dtype, values)], where)
    return make


def starts(g, array):
    """Some axes, where a slice of them starts, and its size in all."""
    ndim = len(array.shape)
    axes = sorted(int(a) for a in g.rng.permutation(ndim)[:g.integer(1, ndim)])
    sizes = [g.integer(1, size) if axis in axes else size for axis, size in enumerate(array.shape)]
    start = [g.integer(0, array.shape[axis] - sizes[axis]) for axis in axes]
    dtype = g.choose(["int32", "uint32", "int64"])
    return axes, sizes, wire.Array(np.array(start, wire.STORAGE[dtype]), dtype)


def slice_at(g):
    array = g.array(g.full_shape(low=1), g.dtype())
    axes, sizes, start = starts(g, array)
    return wire.Call("slice_at", [array, start], {"axes": axes, "slice_size": sizes})


def slice_update_at(g):
    array = g.array(g.full_shape(low=1), g.dtype())
    axes, sizes, start = starts(g, array)
    return wire.Call("slice_update_at", [array, g.array(sizes, array.dtype), start], {"axes": axes})


def take(g):
    if g.chance(0.25):
        array = g.array(g.full_shape(high=3), g.dtype())
        return wire.Call("take", [array, g.indices(g.shape(high=2), array.storage.size)])
    array = g.array(g.full_shape(low=1), g.dtype())
    axis = g.axis(len(array.shape))
    size = array.shape[axis] if -len(array.shape) <= axis < len(array.shape) else 1
    return wire.Call("take", [array, g.indices(g.shape(high=2), size)], {"axis": axis})


def take_one(g):
    array = g.array(g.full_shape(low=1), g.dtype())
    axis = g.axis(len(array.shape))
    size = array.shape[axis] if -len(array.shape) <= axis < len(array.shape) else 1
    return wire.Call("take_one", [array], {"axis": axis, "index": g.integer(-size, size - 1)})


def along_axis(g, shape, axis):
    """The shape of indices for it: other axes are the same or 1."""
    return [g.size() if i == axis % len(shape) else 1 if g.chance(0.1) else size
            for i, size in enumerate(shape)]


def take_along_axis(g):
    shape = g.full_shape(low=1, high=3)
    axis = g.integer(-len(shape), len(shape) - 1)
    array = g.array(shape, g.dtype())
    indices = g.indices(along_axis(g, shape, axis), shape[axis])
    return wire.Call("take_along_axis", [array, indices], {"axis": axis if g.chance(0.97) else 7})


def put_along_axis(g):
    shape = g.full_shape(low=1, high=3)
    axis = g.integer(-len(shape), len(shape) - 1)
    array = g.array(shape, g.dtype())
    # Different positions: which of several values stays is undefined.
    count = g.integer(1, shape[axis])
    positions = np.argsort(g.rng.random(shape), axis=axis)
    positions = np.take(positions, range(count), axis)
    indices = wire.Array(positions.astype(np.int32), "int32")
    values = g.array([1 if g.chance(0.1) else size for size in positions.shape], array.dtype)
    return wire.Call("put_along_axis", [array, indices, values], {"axis": axis})


def gather(g):
    """Index arrays for the first axes; the others are taken whole."""
    shape = g.full_shape(low=1, high=3)
    count = g.integer(1, len(shape))
    axes = list(range(count))
    lead = [s for s in g.broadcast_shapes(count)]
    try:
        np.broadcast_shapes(*(tuple(s) for s in lead))
    except ValueError:
        lead = [[2]] * count
    array = g.array(shape, g.dtype())
    indices = [g.indices(s, shape[axis], ("int32", "uint32", "int64")) for s, axis in zip(lead, axes)]
    return wire.Call("gather", [array] + indices, {
        "axes": axes, "slice_sizes": [1] * count + list(shape[count:])})


def scatter(op):
    """Rows of the first axes. Without a combination, each position once."""
    def make(g):
        shape = g.full_shape(low=1, high=3)
        dtype = g.dtype()
        array = g.array(shape, dtype, "normal")
        if op == "scatter":
            count = g.integer(1, shape[0])
            indices = [wire.Array(g.rng.permutation(shape[0])[:count].astype(np.int32), "int32")]
        else:
            # Few for each place: thousands of halves add up as the order has it.
            lead = [max(size, 1) for size in g.short_shape(2)] or [3]
            indices = [g.indices(lead, shape[axis], ("int32", "uint32", "int64"))
                       for axis in range(g.integer(1, len(shape)))]
        skip = len(indices)
        update = list(indices[0].shape) + [1] * skip + list(shape[skip:])
        values = {"scatter_prod": "unit", "scatter_add": "small"}.get(op, "normal")
        return wire.Call(op, [array, g.array(update, dtype, values)] + indices,
                         {"axes": list(range(skip))})
    return make


def scatter_add_axis(g):
    shape = g.full_shape(low=1, high=3)
    axis = g.integer(0, len(shape) - 1)
    dtype = g.choose(["float32", "float64", "int32", "complex64"])
    where = [g.integer(1, 9) if i == axis else size for i, size in enumerate(shape)]
    return wire.Call("scatter_add_axis", [g.array(shape, dtype, "normal"), g.indices(where, shape[axis]),
                                          g.array(where, dtype, "normal")], {"axis": axis})


def masked_scatter(g):
    shape = g.full_shape(low=1, high=3)
    mask = g.array(shape, "bool")
    dtype = g.dtype()
    return wire.Call("masked_scatter", [g.array(shape, dtype), mask,
                                        g.array([int(np.prod(shape)) + g.integer(0, 2)], dtype)])


ADDED = ("scaled", 8)

ROWS = [
    Row("slice", slice_plain, differentiable=True),
    Row("slice_at", slice_at, differentiable=True),
    Row("slice_update_at", slice_update_at, differentiable=True),
    Row("slice_update", slice_update("slice_update"), differentiable=True),
    *(Row(op, slice_update(op), ("ulps", 1)) for op in ("slice_update_add", "slice_update_prod")),
    *(Row(op, slice_update(op), "equal") for op in ("slice_update_max", "slice_update_min")),
    Row("take", take, differentiable=True),
    Row("take_one", take_one, differentiable=True),
    Row("take_along_axis", take_along_axis, differentiable=True),
    Row("put_along_axis", put_along_axis, shuffles=False),
    Row("gather", gather, differentiable=True),
    Row("scatter", scatter("scatter"), shuffles=False),
    Row("scatter_add", scatter("scatter_add"), ADDED, differentiable=True),
    Row("scatter_add_axis", scatter_add_axis, ADDED, lambda call: 10.0, mappable=False),
    Row("masked_scatter", masked_scatter, mappable=False),
    Row("scatter_prod", scatter("scatter_prod"), ADDED),
    *(Row(op, scatter(op), "equal", differentiable=True) for op in ("scatter_max", "scatter_min")),
]
