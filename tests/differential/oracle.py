#!/usr/bin/env python3
"""Answers the calls of scripts/differential.py with the published mlx package.

Speaks the format of driver.cpp on its standard input and output, until the input ends.
"""

import json
import os
import sys

import mlx.core as mx
import numpy as np

import wire

DTYPES = {name: getattr(mx, "bool_" if name == "bool" else name) for name in wire.STORAGE}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def to_mlx(array):
    # Without the dtype, float64 would become float32.
    result = mx.array(array.base, None if array.dtype == "bfloat16" else DTYPES[array.dtype])
    if array.dtype == "bfloat16":
        result = result.view(mx.bfloat16)
    for view in array.views:
        if "perm" in view:
            result = result.transpose(view["perm"])
        elif "broadcast" in view:
            result = mx.broadcast_to(result, view["broadcast"])
        else:
            result = result[tuple(slice(*steps) for steps in view["slice"])]
    mx.eval(result)
    return result


def from_mlx(array):
    name = NAMES[array.dtype]
    if name == "bfloat16":
        array = mx.contiguous(array).view(mx.uint16)
    return wire.Array(np.array(array), name)


# C++ gathers and scatters slices behind the shape of the indices; a key of indices for the first
# axes has their other elements there, without the indexed axes.

def gather(a, *indices, axes, slice_sizes):
    found = a[tuple(indices)]
    rest = a.ndim - len(axes)
    return found.reshape(list(found.shape[:found.ndim - rest]) + slice_sizes)


def scatter(update):
    def run(a, u, *indices, axes):
        lead = u.ndim - a.ndim
        return update(a, tuple(indices), u.reshape(u.shape[:lead] + u.shape[lead + len(axes):]))
    return run


def scalar_operator(function):
    types = {"int": mx.int32, "float": mx.float32, "bool": mx.bool_}

    def run(a, value, type, left=False):
        # C++ divides by a double whatever the number was, and a double makes a float32 array.
        number = mx.array(value, mx.float32 if function is mx.divide else types[type])
        return function(number, a) if left else function(a, number)

    return run


def slices(start, stop, strides=None):
    return tuple(slice(*steps) for steps in zip(start, stop, strides or [1] * len(start)))


def slice_update(update):
    return lambda a, u, start, stop, strides=None: update(a, slices(start, stop, strides), u)


def assigned(a, key, update):
    a = mx.array(a)
    a[key] = update
    return a


def arange(start, stop, step, dtype=None, integers=False):
    if not integers and dtype is None:
        start, stop, step = float(start), float(stop), float(step)
    return mx.arange(start, stop, step, dtype)


def pad(a, low, high, axes=None, constant_values=0, mode="constant"):
    if axes is not None:
        widths = [(0, 0)] * a.ndim
        for axis, *width in zip(axes, low, high):
            widths[axis] = tuple(width)
    else:
        widths = list(zip(low, high))
    return mx.pad(a, widths, mode, constant_values)


def norm(a, ord=None, ord_kind=None, axis=None, keepdims=False):
    if ord_kind == "infinite":
        ord = ord * float("inf")
    return mx.linalg.norm(a, ord, axis, keepdims)


def rope(a, dims, traditional, base, scale, offset=None, offsets=None, freqs=None):
    return mx.fast.rope(a, dims, traditional=traditional, base=base, scale=scale,
                        offset=offset if offsets is None else offsets, freqs=freqs)


def bits(shape, width, key):
    # The package has no bits(): whole words are what a uniform integer would be made of.
    if width != 4:
        raise TypeError("only words can be had")
    # split(key, n) is bits((n, 2)) by definition.
    size = int(np.prod(shape))
    if size % 2:
        raise TypeError("only pairs of words can be had")
    return mx.random.split(key, size // 2).reshape(shape)


OPERATORS = {"+": mx.add, "-": mx.subtract, "*": mx.multiply, "/": mx.divide, "%": mx.remainder,
             "<": mx.less, "<=": mx.less_equal, ">": mx.greater, ">=": mx.greater_equal,
             "==": mx.equal, "!=": mx.not_equal}

# Operations whose arguments are not the package's own.
SPECIAL = {
    "copy": mx.array,
    "astype": lambda a, dtype: mx.astype(a, dtype),
    "view": lambda a, dtype: mx.view(a, dtype),
    "clip": lambda a, a_min=None, a_max=None: mx.clip(a, a_min, a_max),
    "tile": lambda a, reps: mx.tile(a, reps),
    "roll": lambda a, shift, axis=None: mx.roll(
        a, tuple(shift) if isinstance(shift, list) else shift,
        tuple(axis) if isinstance(axis, list) else axis),
    "arange": arange,
    "linspace": lambda start, stop, num, endpoint, dtype: mx.linspace(start, stop, num, endpoint, dtype),
    "pad": pad,
    "concatenate": lambda *a, axis=0: mx.concatenate(list(a), axis),
    "stack": lambda *a, axis=0: mx.stack(list(a), axis),
    # The package ignores the dtype where the value is an array.
    "full": lambda a, shape, dtype=None: mx.full(shape, a if dtype is None else a.astype(dtype)),
    "full_like": lambda a, v, dtype=None: mx.full_like(
        a, v if dtype is None else v.astype(dtype), dtype),
    # Without an axis C++ flattens; Python's default is the last axis.
    "sort": lambda a, axis=None: mx.sort(a, axis),
    "argsort": lambda a, axis=None: mx.argsort(a, axis),
    "slice": lambda a, start, stop, strides=None: a[slices(start, stop, strides)],
    "slice_at": lambda a, start, axes, slice_size: mx.slice(a, start, axes, slice_size),
    "slice_update_at": lambda a, u, start, axes: mx.slice_update(a, u, start, axes),
    "slice_update": slice_update(assigned),
    "slice_update_add": slice_update(lambda a, key, u: a.at[key].add(u)),
    "slice_update_prod": slice_update(lambda a, key, u: a.at[key].multiply(u)),
    "slice_update_max": slice_update(lambda a, key, u: a.at[key].maximum(u)),
    "slice_update_min": slice_update(lambda a, key, u: a.at[key].minimum(u)),
    "take_one": lambda a, index, axis=None: mx.take(a, index, axis),
    "gather": gather,
    "scatter": scatter(assigned),
    "scatter_add": scatter(lambda a, key, u: a.at[key].add(u)),
    "scatter_prod": scatter(lambda a, key, u: a.at[key].multiply(u)),
    "scatter_max": scatter(lambda a, key, u: a.at[key].maximum(u)),
    "scatter_min": scatter(lambda a, key, u: a.at[key].minimum(u)),
    "masked_scatter": assigned,
    "tensordot": lambda a, b, axes=2, axes_a=None, axes_b=None: mx.tensordot(
        a, b, axes if axes_a is None else [axes_a, axes_b]),
    "einsum": lambda *a, subscripts: mx.einsum(subscripts, *a),
    "conv_general": lambda x, w, padding_lo, padding_hi, **args: mx.conv_general(
        x, w, padding=(padding_lo, padding_hi), **args),
    "linalg.norm": norm,
    "fast.rope": rope,
    "random.bits": bits,
    "random.permutation": lambda a=None, x=None, axis=0, key=None: mx.random.permutation(
        x if a is None else a, axis, key),
    "depends": lambda a, b: mx.depends([a], [b]),
    **{"operator" + name: scalar_operator(function) for name, function in OPERATORS.items()},
}


def find(op):
    if op in SPECIAL:
        return SPECIAL[op]
    function = mx
    for part in op.split("."):
        function = getattr(function, part)
    return function


def argument(value, name, arrays):
    if isinstance(value, dict):
        return arrays[value["array"]]
    return DTYPES[value] if name == "dtype" and value is not None else value


def as_list(result):
    if isinstance(result, mx.array):
        return [result]
    return [output for output in result if output is not None]


def evaluate(request, arrays):
    function = find(request["op"])

    def run(*arrays):
        args = {name: argument(value, name, arrays) for name, value in request["args"].items()}
        return as_list(function(*arrays[:request["positional"]], **args))

    transform = request.get("transform")
    if not transform:
        return run(*arrays)
    if transform["kind"] == "vmap":
        in_axes = [None if axis == -1 else axis for axis in transform["in_axes"]]
        return as_list(mx.vmap(run, in_axes=tuple(in_axes))(*arrays))
    operands = arrays[:-transform["extra"]]

    def of_some(*values):
        every = list(operands)
        for position, value in zip(transform["of"], values):
            every[position] = value
        return run(*every)

    derive = mx.vjp if transform["kind"] == "vjp" else mx.jvp
    outputs, derivatives = derive(of_some, [operands[i] for i in transform["of"]],
                                  arrays[-transform["extra"]:])
    return outputs + derivatives


def answer(request, stream):
    described = wire.read_arrays(request["arrays"], stream.read)
    try:
        outputs = evaluate(request, [to_mlx(a) for a in described])
        mx.eval(outputs)
        return wire.encode_answer([from_mlx(o) for o in outputs])
    except Exception as error:  # whatever it is belongs into the answer
        reply = {"error": type(error).__name__, "text": str(error)[:300]}
        return (json.dumps(reply) + "\n").encode()


def main():
    mx.set_default_device(mx.cpu)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # LAPACK complains on standard output
    for line in iter(sys.stdin.buffer.readline, b""):
        answers.write(answer(json.loads(line), sys.stdin.buffer))
        answers.flush()


if __name__ == "__main__":
    main()
