"""Calls of products, convolutions and quantization."""

import numpy as np

import wire
from calls.row import Row


def product_scale(call):
    """The largest sum of products there can be: the inner size is at most that of one operand."""
    a, b = (np.abs(x.values.astype(np.complex128 if x.dtype == "complex64" else np.float64))
            for x in call.arrays[:2])
    if not a.size or not b.size or not np.isfinite(a).all() or not np.isfinite(b).all():
        return 1.0
    return float(a.max() * b.max() * np.sqrt(max(a.shape[-1:] or [1])))


def operands(g, first, second, dtypes=None):
    dtypes = dtypes or ["float32", "float32", "float16", "bfloat16", "float64", "complex64"]
    dtype = g.choose(dtypes)
    other = dtype if g.chance(0.85) else g.dtype()
    return [g.array(first, dtype, "normal"), g.array(second, other, "normal")]


def matmul(g):
    inner = g.size()
    batch = g.broadcast_shapes(2) if g.chance(0.5) else [[], []]
    first = batch[0][-2:] + [g.size(), inner]
    second = batch[1][-2:] + [inner if g.chance(0.97) else inner + 1, g.size()]
    if g.chance(0.1):
        first = [inner]
    if g.chance(0.1):
        second = [inner]
    return wire.Call("matmul", operands(g, first, second))


def inner(g):
    last = g.size()
    return wire.Call("inner", operands(g, g.short_shape(2) + [last], g.short_shape(2) + [last]))


def two_shapes(op, high=2):
    return lambda g: wire.Call(op, operands(g, g.short_shape(high), g.short_shape(high), wire.DTYPES))


def vecdot(g):
    shapes = g.broadcast_shapes(2)
    axis = -1 if g.chance(0.6) else g.axis(max(len(shapes[0]), 1))
    return wire.Call("vecdot", operands(g, *shapes, wire.DTYPES), {"axis": axis})


def addmm(g):
    n, k, m = g.size(), g.size(), g.size()
    a, b = operands(g, [n, k], [k, m], ["float32", "float16", "bfloat16", "float64"])
    c = g.array(g.choose([[n, m], [m], [1, m], []]), a.dtype, "normal")
    args = {"alpha": g.integer(-4, 4) / 2, "beta": g.integer(-4, 4) / 2} if g.chance(0.7) else {}
    return wire.Call("addmm", [c, a, b], args)


def tensordot(g):
    shared = [g.integer(1, 4) for _ in range(g.integer(0, 2))]
    a = g.short_shape(2) + shared
    b = shared + g.short_shape(2)
    args = {"axes": len(shared)}
    if g.chance(0.5):
        args = {"axes_a": [i - len(shared) for i in range(len(shared))], "axes_b": list(range(len(shared)))}
    return wire.Call("tensordot", operands(g, a, b), args)


SUBSCRIPTS = ["ij,jk->ik", "ij,jk", "bij,bjk->bik", "ij->ji", "ii->i", "ii", "ij->", "i,j->ij", "ij,ij->i",
              "abc,cd,de->abe", "i,i", "...ij,...jk->...ik", "...i->...", "ijk,ilm,njm,nlk->", "ba,cb->ac",
              "a...,...b->ab...", "ij,kl->ijkl", "iij->j", "abc->cab", "ij,jk,kl,lm->im", "ab,ab,ab->ab"]


def einsum(g):
    subscripts = g.choose(SUBSCRIPTS)
    sizes = {letter: g.integer(1, 5) for letter in "abcdeijklmn"}
    dots = [g.integer(1, 3) for _ in range(g.integer(0, 2))]
    dtype = g.choose(["float32", "float32", "float64", "float16", "complex64", "int32"])
    arrays = []
    for term in subscripts.split("->")[0].split(","):
        before, _, after = term.partition("...")
        shape = [sizes[c] for c in before] + (dots if "..." in term else []) + [sizes[c] for c in after]
        if g.chance(0.02):
            shape.append(2)
        arrays.append(g.array(shape, dtype, "normal"))
    return wire.Call("einsum", arrays, {"subscripts": subscripts})


def kernel_size(size, dilation):
    return (size - 1) * dilation + 1


def conv(op, ndim, transposed=False):
    def make(g):
        groups = g.choose([1, 1, 2])
        cin, cout = groups * g.integer(1, 3), groups * g.integer(1, 3)
        dtype = g.choose(["float32", "float32", "float16", "bfloat16"])
        stride, padding = [[g.integer(1, 2) for _ in range(ndim)] for _ in range(2)]
        padding = [p - 1 for p in padding]
        dilation = [g.integer(1, 2) for _ in range(ndim)]
        kernel = [g.integer(1, 3) for _ in range(ndim)]
        space = [max(kernel_size(k, d) - 2 * p, 1) + g.integer(0, 4)
                 for k, d, p in zip(kernel, dilation, padding)]
        scalar = ndim == 1
        args = {name: value[0] if scalar else value
                for name, value in (("stride", stride), ("padding", padding), ("dilation", dilation))
                if g.chance(0.8) or name == "dilation"}
        if transposed and g.chance(0.4):
            extra = [g.integer(0, s - 1) for s in stride]
            args["output_padding"] = extra[0] if scalar else extra
        args["groups"] = groups
        x = g.array([g.integer(1, 3)] + space + [cin], dtype, "normal")
        w = g.array([cout] + kernel + [cin // groups + (1 if g.chance(0.02) else 0)], dtype, "normal")
        return wire.Call(op, [x, w], args)
    return make


def conv_general(g):
    ndim = g.integer(1, 2)
    call = conv("conv_general", ndim)(g)
    padding = [g.integer(0, 2) for _ in range(ndim)]
    args = {"stride": [g.integer(1, 2) for _ in range(ndim)], "padding_lo": padding,
            "padding_hi": [g.integer(p, p + 1) for p in padding],
            "kernel_dilation": [g.integer(1, 2) for _ in range(ndim)],
            "input_dilation": [g.integer(1, 3) for _ in range(ndim)],
            "groups": call.args["groups"], "flip": g.chance(0.4)}
    return wire.Call("conv_general", call.arrays, args)


def conv_scale(call):
    x, w = (np.abs(a.values.astype(np.float64)) for a in call.arrays[:2])
    return float(x.max() * w.max() * np.sqrt(w[0].size)) if x.size and w.size else 1.0


MODES = {"affine": [(g, b) for g in (32, 64, 128) for b in (2, 3, 4, 5, 6, 8)], "mxfp4": [(32, 4)],
         "mxfp8": [(32, 8)], "nvfp4": [(16, 4)]}


def quantization(g):
    mode = g.choose(["affine", "affine", "mxfp4", "mxfp8", "nvfp4"])
    group, bits = g.choose(MODES[mode])
    return mode, group, bits


def matrix(g, rows, columns, dtypes=("float32", "float16", "bfloat16"), batch=()):
    """Ordinary weights."""
    return g.array(list(batch) + [rows, columns], g.choose(list(dtypes)), "normal", plain=True)


def quantize(g):
    mode, group, bits = quantization(g)
    columns = group * g.integer(1, 3) if g.chance(0.97) else group + 1
    if mode == "nvfp4" and columns % 32:
        columns = 32
    args = {"mode": mode, "group_size": group, "bits": bits}
    return wire.Call("quantize", [matrix(g, g.integer(1, 5), columns)], args)


def packed(g, mode, group, bits, rows, columns, dtype, batch=()):
    """Codes, scales and biases of a matrix that was quantized somewhere."""
    words = g.rng.integers(0, 2**32, list(batch) + [rows, columns * bits // 32], dtype=np.uint32)
    groups = list(batch) + [rows, columns // group]
    if mode == "affine":
        return [wire.Array(words, "uint32"), g.array(groups, dtype, "unit", plain=True),
                g.array(groups, dtype, "unit", plain=True)]
    low, high = (0x28, 0x48) if mode == "nvfp4" else (120, 130)
    return [wire.Array(words, "uint32"), wire.Array(g.rng.integers(low, high, groups).astype(np.uint8), "uint8")]


def dequantize(g):
    mode, group, bits = quantization(g)
    dtype = g.choose(["float32", "float16", "bfloat16"])
    arrays = packed(g, mode, group, bits, g.integer(1, 5), group * g.choose([2, 4]), dtype)
    call = wire.Call("dequantize", arrays[:2], {"mode": mode, "group_size": group, "bits": bits})
    if mode == "affine":
        call.name_array("biases", arrays[2])
    return call


def quantized_matmul(g):
    mode, group, bits = quantization(g)
    transpose = g.chance(0.7)
    inner, outer = group * g.choose([2, 4]), 32 * g.integer(1, 3)
    if not transpose:
        inner, outer = 32 * g.integer(1, 3), group * g.choose([2, 4])
    dtype = g.choose(["float32", "float32", "float16", "bfloat16"])
    rows, columns = (outer, inner) if transpose else (inner, outer)
    arrays = packed(g, mode, group, bits, rows, columns, dtype)
    x = g.array(g.full_shape(high=2)[:2] + [g.integer(1, 9), inner], dtype, "normal", plain=True)
    call = wire.Call("quantized_matmul", [x] + arrays[:2],
                     {"mode": mode, "group_size": group, "bits": bits, "transpose": transpose})
    if mode == "affine":
        call.name_array("biases", arrays[2])
    return call


def gather_qmm(g):
    mode, group, bits = quantization(g)
    count = g.integer(1, 4)
    inner, outer = group * g.choose([2, 4]), 32
    arrays = packed(g, mode, group, bits, outer, inner, "float32", [count])
    xs = g.integer(1, 3)
    x = g.array([xs, g.integer(1, 5), inner], "float32", "normal", plain=True)
    call = wire.Call("gather_qmm", [x] + arrays[:2],
                     {"mode": mode, "group_size": group, "bits": bits, "transpose": True})
    if mode == "affine":
        call.name_array("biases", arrays[2])
    picks = g.integer(1, 5)
    call.name_array("lhs_indices", wire.Array(g.rng.integers(0, xs, picks).astype(np.uint32), "uint32"))
    call.name_array("rhs_indices", wire.Array(g.rng.integers(0, count, picks).astype(np.uint32), "uint32"))
    return call


def gather_mm(g):
    count, rows = g.integer(1, 4), g.integer(1, 3)
    n, k, m = g.integer(1, 9), g.integer(1, 9), g.integer(1, 9)
    dtype = g.choose(["float32", "float32", "float16", "float64"])
    call = wire.Call("gather_mm", [g.array([rows, n, k], dtype, "normal"), g.array([count, k, m], dtype, "normal")])
    picks = g.shape(low=1, high=2)
    if g.chance(0.8):
        call.name_array("lhs_indices", wire.Array(g.rng.integers(0, rows, picks).astype(np.uint32), "uint32"))
    if g.chance(0.8):
        call.name_array("rhs_indices", wire.Array(g.rng.integers(0, count, picks).astype(np.uint32), "uint32"))
    return call


def block_masked_mm(g):
    block = g.choose([32, 64])
    n, k, m = g.integer(1, 100), g.integer(1, 100), g.integer(1, 100)
    a, b = g.array([n, k], "float32", "normal"), g.array([k, m], "float32", "normal")
    call = wire.Call("block_masked_mm", [a, b], {"block_size": block})
    dtype = g.choose(["bool", "float32"])
    for name, rows, columns in (("mask_out", n, m), ("mask_lhs", n, k), ("mask_rhs", k, m)):
        if g.chance(0.6):
            blocks = [-(-rows // block), -(-columns // block)]
            call.name_array(name, g.array(blocks, dtype, "normal", plain=True))
    return call


def segmented_mm(g):
    n, k, m = g.integer(1, 6), g.integer(1, 20), g.integer(1, 6)
    bounds = np.sort(g.rng.integers(0, k + 1, [g.integer(1, 4), 2]), -1).astype(np.uint32)
    if g.chance(0.03):
        bounds[0, 1] = k + 5
    return wire.Call("segmented_mm", [g.array([n, k], "float32", "normal"), g.array([k, m], "float32", "normal"),
                                      wire.Array(bounds, "uint32")])


def hadamard_transform(g):
    size = g.choose([1, 12, 20, 28]) * 2**g.integer(0, 5)
    array = g.array(g.full_shape(high=2)[:2] + [size if g.chance(0.95) else 7],
                    g.choose(["float32", "float32", "float16", "bfloat16"]), "normal", plain=True)
    return wire.Call("hadamard_transform", [array], {"scale": 0.5} if g.chance(0.4) else {})


def quantized_scale(call):
    x = np.abs(call.arrays[0].values.astype(np.float64))
    largest = {"affine": 2.0**call.args["bits"] + 1, "mxfp4": 6 * 8.0, "mxfp8": 448 * 8.0,
               "nvfp4": 6 * 16.0}[call.args["mode"]]
    return float(x.max() * largest * np.sqrt(x.shape[-1])) if x.size else 1.0


SUMS = ("scaled", 8)

ROWS = [
    Row("matmul", matmul, SUMS, product_scale, differentiable=True),
    Row("inner", inner, SUMS, product_scale, differentiable=True),
    Row("outer", two_shapes("outer"), "exact", differentiable=True),
    Row("kron", two_shapes("kron"), "equal", differentiable=True),
    Row("vecdot", vecdot, SUMS, product_scale),
    Row("addmm", addmm, ("scaled", 16), lambda call: product_scale(wire.Call("", call.arrays[1:3])),
        differentiable=True),
    Row("tensordot", tensordot, ("scaled", 16), product_scale, differentiable=True),
    Row("einsum", einsum, ("scaled", 32), lambda call: 10.0, differentiable=True),
    *(Row(f"conv{n}d", conv(f"conv{n}d", n), SUMS, conv_scale, differentiable=True) for n in (1, 2, 3)),
    *(Row(f"conv_transpose{n}d", conv(f"conv_transpose{n}d", n, True), SUMS, conv_scale, differentiable=True)
      for n in (1, 2, 3)),
    Row("conv_general", conv_general, SUMS, conv_scale, differentiable=True),
    Row("gather_mm", gather_mm, SUMS, product_scale, differentiable=True, shuffles=False),
    Row("block_masked_mm", block_masked_mm, SUMS, product_scale, differentiable=True),
    Row("segmented_mm", segmented_mm, SUMS, product_scale, shuffles=False),
    Row("hadamard_transform", hadamard_transform, ("scaled", 16), differentiable=True),
    Row("quantize", quantize, "exact"),
    Row("dequantize", dequantize, ("ulps", 1)),
    Row("quantized_matmul", quantized_matmul, ("scaled", 8), quantized_scale, shuffles=False),
    Row("gather_qmm", gather_qmm, ("scaled", 8), quantized_scale, shuffles=False),
]
