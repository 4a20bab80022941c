"""Calls under vjp, jvp and vmap, made of plain calls."""

import numpy as np

import wire

INEXACT = wire.FLOATS + ["complex64"]


def differentiated(kind, call, source, ours):
    """vjp and jvp need cotangents or tangents: of the shapes of the results, or of the operands."""
    of = [i for i, a in enumerate(call.arrays) if a.dtype in INEXACT]
    if len(of) > 1 and source.chance(0.3):
        of = [source.choose(of)]
    if not of or not all(np.isfinite(call.arrays[i].values).all() for i in of):
        return call  # nobody defines the derivative where there is none
    plain = ours.ask(call)
    if plain.error or any(o.dtype not in INEXACT for o in plain.outputs):
        return call
    like = plain.outputs if kind == "vjp" else [call.arrays[i] for i in of]
    given = [source.array(list(a.shape), a.dtype, "normal") for a in like]
    return wire.Call(call.op, call.arrays + given, call.args, call.positional,
                     {"kind": kind, "of": of, "extra": len(given)})


def mapped(row, call, source):
    """Some arrays get one more axis, along which their elements are shuffled."""
    count = source.integer(1, 3)
    in_axes, arrays = [], []
    for array in call.arrays:
        if source.chance(0.3):
            in_axes.append(-1)
            arrays.append(array)
            continue
        axis = source.integer(0, len(array.shape))
        storage = array.storage
        variants = [storage]
        for _ in range(count - 1):
            shuffled = storage.ravel()[source.rng.permutation(storage.size)].reshape(storage.shape)
            variants.append(shuffled if row.shuffles else storage)
        in_axes.append(axis)
        arrays.append(wire.Array(np.stack(variants, axis), array.dtype))
    if all(axis == -1 for axis in in_axes):
        return call
    return wire.Call(call.op, arrays, call.args, call.positional, {"kind": "vmap", "in_axes": in_axes})


def apply(kind, row, call, source, ours):
    """The call under a transform, or as it is where the transform has nothing to say."""
    if kind in ("vjp", "jvp") and row.differentiable:
        return differentiated(kind, call, source, ours)
    if kind == "vmap" and row.mappable and not row.canonical and call.arrays:
        return mapped(row, call, source)
    return call


def slices_of(call):
    """The calls that a vmap stands for, one after the other."""
    in_axes = call.transform["in_axes"]
    count = next(a.shape[axis] for a, axis in zip(call.arrays, in_axes) if axis != -1)
    for i in range(count):
        arrays = [a if axis == -1 else wire.Array(np.take(a.storage, i, axis), a.dtype)
                  for a, axis in zip(call.arrays, in_axes)]
        yield wire.Call(call.op, arrays, call.args, call.positional)


def tolerance(row, call):
    """Derivatives round more often than results."""
    scale = row.scale(call) if row.scale else None
    if call.transform and call.transform["kind"] != "vmap":
        return ("scaled", row.derivative_ulps), scale
    return row.tolerance(call) if callable(row.tolerance) else row.tolerance, scale
