"""Calls of linalg, fft, fast and random."""

import numpy as np

import wire
from calls.products import product_scale
from calls.row import Row

LINALG = ["float32", "float32", "float64"]


def well_conditioned(g, batch, n, dtype, symmetric=False, positive=False):
    """Random matrices with a diagonal that dominates."""
    numbers = g.numbers(batch + [n, n], dtype, "normal")
    adjoint = np.conj(np.swapaxes(numbers, -1, -2))
    if positive:
        numbers = numbers @ adjoint + np.eye(n)
    elif symmetric:
        numbers = numbers + adjoint
    else:
        numbers = numbers + 2 * (n + 1) * np.eye(n)
    return wire.Array(wire.to_storage(numbers, dtype), dtype)


def batch_of(g):
    return [max(size, 1) for size in g.short_shape(2)] if g.chance(0.4) else []


def square(op, dtypes=LINALG, triangular=False, **kind):
    def make(g):
        dtype = g.choose(dtypes) if g.chance(0.97) else g.dtype()
        size = g.integer(1, 6) if g.chance(0.98) else 0
        a = well_conditioned(g, batch_of(g), size, dtype, **kind)
        args = {}
        if triangular and g.chance(0.6):
            args["upper"] = g.chance(0.5)
        return wire.Call(op, [a], args)
    return make


def triangle_inverse(op):
    def make(g):
        call = square(op, triangular=True)(g)
        numbers = call.arrays[0].base
        n = numbers.shape[-1]
        numbers = numbers + (n + 1) * np.eye(n)
        numbers = np.triu(numbers) if call.args.get("upper") else np.tril(numbers)
        call.arrays[0].base = numbers.astype(call.arrays[0].base.dtype)
        return call
    return make


def rectangular(op):
    def make(g):
        shape = batch_of(g) + [g.integer(1, 6), g.integer(1, 6)]
        args = {"compute_uv": False} if op == "linalg.svd" and g.chance(0.4) else {}
        return wire.Call(op, [g.array(shape, g.choose(LINALG), "normal")], args)
    return make


def symmetric(op):
    def make(g):
        dtype = g.choose(LINALG + ["complex64"])
        a = well_conditioned(g, batch_of(g), g.integer(1, 6), dtype, symmetric=True)
        return wire.Call(op, [a], {"UPLO": g.choose(["L", "U"])} if g.chance(0.6) else {})
    return make


def solve(op):
    def make(g):
        batch, n, dtype = batch_of(g), g.integer(1, 5), g.choose(LINALG)
        a = well_conditioned(g, batch, n, dtype)
        args = {}
        if op == "linalg.solve_triangular":
            args["upper"] = g.chance(0.5)
            dominant = a.base + 2 * (n + 1) * np.eye(n)
            a.base = (np.triu(dominant) if args["upper"] else np.tril(dominant)).astype(a.base.dtype)
        b = g.array(batch + ([n, g.integer(1, 4)] if batch or g.chance(0.6) else [n]), dtype, "normal")
        return wire.Call(op, [a, b], args)
    return make


def cross(g):
    shape = g.full_shape(low=1, high=3)
    axis = g.integer(-len(shape), len(shape) - 1)
    first, second = list(shape), list(shape)
    first[axis], second[axis] = g.choose([2, 3, 3]), g.choose([2, 3, 3])
    dtype = g.dtype(wire.FLOATS + ["int32", "complex64"])
    return wire.Call("linalg.cross", [g.array(first, dtype, "small"), g.array(second, dtype, "small")],
                     {"axis": axis})


def norm(g):
    array = g.array(g.full_shape(low=1, high=3), g.dtype(), "normal")
    ndim = len(array.shape)
    args = {"keepdims": g.chance(0.4)}
    axes = g.integer(0, min(ndim, 2))
    if axes:
        axis = [int(a) for a in g.rng.permutation(ndim)[:axes]]
        args["axis"] = axis[0] if axes == 1 and g.chance(0.5) else axis
    kind = g.choose(["none", "number", "infinite", "text"])
    if kind == "number":
        args["ord"] = g.choose([0.0, 1.0, 2.0, 3.0, 0.5, -1.0, -2.0])
    elif kind == "infinite":
        args.update(ord=g.choose([1.0, -1.0]), ord_kind="infinite")
    elif kind == "text":
        args.update(ord=g.choose(["fro", "nuc"]), ord_kind="text")
    return wire.Call("linalg.norm", [array], args)


# What decompositions leave open is put into one form: each vector's largest element becomes real and
# positive.

def normalized(vectors, axis):
    largest = np.take_along_axis(vectors, np.argmax(np.abs(vectors).round(3), axis, keepdims=True), axis)
    with np.errstate(all="ignore"):
        phase = np.where(largest == 0, 1, np.conj(largest) / np.abs(largest))
    return (vectors * phase).astype(vectors.dtype)


def arrays_like(outputs, numbers):
    return [wire.Array(np.ascontiguousarray(n), o.dtype) for n, o in zip(numbers, outputs)]


def canonical_qr(call, outputs):
    q, r = (o.values for o in outputs)
    k = min(r.shape[-2:])
    signs = np.sign(np.diagonal(r, axis1=-2, axis2=-1))
    signs = np.where(signs == 0, 1, signs)
    return arrays_like(outputs, [q[..., :k] * signs[..., None, :], r[..., :k, :] * signs[..., :, None]])


def canonical_svd(call, outputs):
    if len(outputs) == 1:
        return outputs
    u, s, vt = (o.values for o in outputs)
    k = s.shape[-1]
    product = (u[..., :k] * s[..., None, :]) @ vt[..., :k, :]
    return arrays_like(outputs, [np.swapaxes(u, -1, -2) @ u, s, np.swapaxes(vt, -1, -2) @ vt]) + [
        wire.Array(product, outputs[0].dtype)]


def canonical_eigh(call, outputs):
    values, vectors = (o.values for o in outputs)
    adjoint = np.conj(np.swapaxes(vectors, -1, -2))
    product = (vectors * values[..., None, :]) @ adjoint
    return [outputs[0]] + arrays_like(outputs[1:] * 2, [product.astype(vectors.dtype),
                                                         (adjoint @ vectors).astype(vectors.dtype)])


def sorted_values(values):
    return np.take_along_axis(values, np.lexsort((values.imag.round(3), values.real.round(3)), -1), -1)


def canonical_eigvals(call, outputs):
    return arrays_like(outputs, [sorted_values(outputs[0].values)])


def canonical_eig(call, outputs):
    """Values, and what A v - v w leaves."""
    values, vectors = (o.values for o in outputs)
    residual = call.arrays[0].values.astype(np.complex64) @ vectors - vectors * values[..., None, :]
    return arrays_like([outputs[0]] * 2, [sorted_values(values), residual])


# fft

# float64 is computed in single precision.
FFT_DTYPES = [dtype for dtype in wire.DTYPES if dtype != "float64"]


def fft(op):
    def make(g):
        dtype = g.dtype(FFT_DTYPES) if g.chance(0.5) else "complex64"
        array = g.array(g.full_shape(low=1, high=3), dtype, "normal")
        if op in ("fft.rfft",) and array.dtype == "complex64" and g.chance(0.9):
            array = g.array(list(array.shape), "float32", "normal")
        args = {"axis": g.axis(len(array.shape))} if g.chance(0.7) else {}
        if g.chance(0.4):
            args["n"] = g.integer(1, 20) if g.chance(0.97) else 0
        if g.chance(0.4):
            args["norm"] = g.choose(["backward", "ortho", "forward"])
        return wire.Call(op, [array], args)
    return make


def fftn(op):
    def make(g):
        two = op.endswith("2")
        array = g.array(g.full_shape(low=2 if two else 1, high=3), "complex64", "normal")
        if "rfft" in op and "irfft" not in op:
            array = g.array(list(array.shape), "float32", "normal")
        ndim = len(array.shape)
        args = {}
        if two or g.chance(0.6):
            count = 2 if two else g.integer(1, ndim)
            args["axes"] = [int(a) - (ndim if g.chance(0.5) else 0) for a in g.rng.permutation(ndim)[:count]]
            if g.chance(0.4):
                args["s"] = [g.integer(1, 9) for _ in args["axes"]]
        if g.chance(0.4):
            args["norm"] = g.choose(["backward", "ortho", "forward"])
        return wire.Call(op, [array], args)
    return make


def fftshift(op):
    def make(g):
        array = g.array(g.shape(low=1, high=3), g.dtype())
        return wire.Call(op, [array], {"axes": g.axes(len(array.shape))} if g.chance(0.6) else {})
    return make


def fftfreq(op):
    return lambda g: wire.Call(op, [], {"n": g.integer(1, 20), "d": g.choose([1.0, 0.5, 2.0])})


def fft_scale(call):
    values = np.abs(call.arrays[0].values.astype(np.complex128))
    return float(values.max() * np.sqrt(values.size)) if values.size else 1.0


# fast

def layers(op):
    def make(g):
        shape = g.full_shape(low=1, high=3)
        dtype = g.choose(["float32", "float32", "float16", "bfloat16"])
        call = wire.Call("fast." + op, [g.array(shape, dtype, "normal")], {"eps": 1e-5})
        for name in ("weight", "bias") if op == "layer_norm" else ("weight",):
            if g.chance(0.7):
                call.name_array(name, g.array([shape[-1]], dtype if g.chance(0.9) else "float32", "normal"))
            else:
                call.args[name] = None
        return call
    return make


def layer_scale(call):
    """A row of equal elements is divided by the root of eps alone."""
    return 4 + 50 * float(np.abs(call.arrays[0].values).max())


def rope(g):
    dims = 2 * g.integer(1, 4)
    shape = g.full_shape(high=2)[:2] + [g.integer(1, 5), dims + g.choose([0, 0, 2, 1])]
    if len(shape) < 3:
        shape = [1] + shape
    array = g.array(shape, g.choose(["float32", "float32", "float16", "bfloat16"]), "normal")
    call = wire.Call("fast.rope", [array], {
        "dims": dims, "traditional": g.chance(0.5), "scale": g.choose([1.0, 0.5]), "base": 10000.0})
    if g.chance(0.3):
        call.args["base"] = None
        call.name_array("freqs", g.array([dims // 2], "float32", "positive"))
    if g.chance(0.3):
        call.name_array("offsets", g.array([], "int32", "positive"))
    else:
        call.args["offset"] = g.integer(0, 20)
    return call


def attention(g):
    batch, heads, group, dims = g.integer(1, 2), g.integer(1, 3), g.integer(1, 2), g.choose([4, 8, 64])
    queries, keys = g.integer(1, 9), g.integer(1, 9)
    dtype = g.choose(["float32", "float32", "float16", "bfloat16"])
    call = wire.Call("fast.scaled_dot_product_attention", [
        g.array([batch, heads * group, queries, dims], dtype, "normal"),
        g.array([batch, heads, keys, dims], dtype, "normal"),
        g.array([batch, heads, keys, dims], dtype, "normal")], {"scale": dims**-0.5})
    kind = g.choose(["none", "causal", "bool", "additive"])
    if kind == "causal" and queries <= keys:
        call.args["mask"] = "causal"
    elif kind in ("bool", "additive"):
        shape = g.choose([[queries, keys], [1, 1, queries, keys], [batch, 1, queries, keys], [1, keys]])
        mask = g.array(shape, "bool" if kind == "bool" else dtype, "normal", plain=True)
        if kind == "bool":
            mask.base[..., 0] = True  # rows that see nothing are NaN or not, as it happens
        call.name_array("mask", mask)
    if g.chance(0.2):
        call.name_array("sinks", g.array([heads * group], dtype, "normal"))
    return call


# random: with keys, the same numbers

def keyed(op, g, arrays=(), **args):
    call = wire.Call("random." + op, list(arrays), args)
    call.name_array("key", g.key())
    return call


def bits(g):
    return keyed("bits", g, shape=[g.integer(0, 9), 2 * g.integer(1, 5)], width=4)


def random_split(g):
    return wire.Call("random.split", [g.key()], {"num": g.integer(1, 9)})


def random_key(g):
    return wire.Call("random.key", [], {"seed": int(g.rng.integers(0, 2**63))})


RANDOM_FLOATS = ["float32", "float32", "float16", "bfloat16"]


def bounds(g, dtype, narrow=False):
    """Lower and upper ones. Narrow: where the normal distribution has most of its values."""
    low = g.array([] if g.chance(0.5) else [3], dtype, "unit" if narrow else "small")
    if dtype in wire.SIGNED and g.chance(0.5):
        low.base = abs(low.base)
    high = wire.Array(wire.to_storage(wire.to_values(low.storage, dtype) + g.integer(1, 1 if narrow else 9), dtype), dtype)
    return [low, high], list(low.shape)


def uniform(g):
    arrays, tail = bounds(g, "float32")
    return keyed("uniform", g, arrays, shape=g.shape(high=2) + tail, dtype=g.choose(RANDOM_FLOATS))


def normal(g):
    call = keyed("normal", g, shape=g.shape(), dtype=g.choose(RANDOM_FLOATS + ["complex64"]))
    for name in ("loc", "scale"):
        if g.chance(0.4):
            call.name_array(name, g.array([], call.args["dtype"], "positive"))
    return call


def randint(g):
    arrays, tail = bounds(g, g.choose(["int32", "int32", "uint8"]))
    signed = arrays[0].values.min() < 0  # a negative bound of unsigned numbers is a mistake
    dtypes = ["int32", "int64", "int16"] + ([] if signed else ["uint8", "uint32"])
    return keyed("randint", g, arrays, shape=g.shape(high=2) + tail, dtype=g.choose(dtypes))


def bernoulli(g):
    p = g.array(g.shape(high=2), "float32", "normal")
    args = {"shape": g.shape(high=2) + list(p.shape)} if g.chance(0.5) else {}
    return keyed("bernoulli", g, [p], **args)


def truncated_normal(g):
    arrays, tail = bounds(g, "float32", narrow=True)
    args = {"shape": g.shape(high=2) + tail} if g.chance(0.6) else {}
    return keyed("truncated_normal", g, arrays, dtype=g.choose(RANDOM_FLOATS), **args)


def shaped(op, **more):
    def make(g):
        args = {name: draw(g) for name, draw in more.items() if g.chance(0.5)}
        return keyed(op, g, shape=g.shape(), dtype=g.choose(RANDOM_FLOATS), **args)
    return make


def categorical(g):
    logits = g.array(g.full_shape(low=1, high=3), g.choose(["float32", "float32", "float16"]), "normal")
    ndim = len(logits.shape)
    axis = g.integer(-ndim, ndim - 1)
    rest = [s for i, s in enumerate(logits.shape) if i != axis % ndim]
    args = {"axis": axis}
    if g.chance(0.3):
        args["shape"] = g.shape(high=1) + rest
    elif g.chance(0.4):
        args["num_samples"] = g.integer(1, 6)
    return keyed("categorical", g, [logits], **args)


def permutation(g):
    if g.chance(0.5):
        return keyed("permutation", g, x=g.integer(0, 50))
    array = g.array(g.shape(low=1, high=3), g.dtype())
    return keyed("permutation", g, [array], axis=g.axis(len(array.shape)))


def multivariate_normal(g):
    n = g.integer(1, 4)
    numbers = g.rng.normal(size=[n, n])
    cov = wire.Array(wire.to_storage(numbers @ numbers.T + np.eye(n), "float32"), "float32")
    return keyed("multivariate_normal", g, [g.array([n], "float32", "normal"), cov],
                 shape=g.shape(high=2), dtype="float32")


NEAR = ("scaled", 256)
RANDOM = dict(mappable=False)

ROWS = [
    *(Row("linalg." + op, square("linalg." + op), NEAR, differentiable=True) for op in ("inv", "det")),
    Row("linalg.slogdet", square("linalg.slogdet"), NEAR, lambda call: 1.0),
    *(Row("linalg." + op, triangle_inverse("linalg." + op), NEAR, shuffles=False)
      for op in ("tri_inv", "cholesky_inv")),
    Row("linalg.cholesky", square("linalg.cholesky", triangular=True, positive=True), NEAR,
        differentiable=True, shuffles=False),
    Row("linalg.pinv", rectangular("linalg.pinv"), ("scaled", 1e5)),
    Row("linalg.qr", rectangular("linalg.qr"), NEAR, canonical=canonical_qr),
    Row("linalg.svd", rectangular("linalg.svd"), NEAR, canonical=canonical_svd),
    *(Row("linalg." + op, square("linalg." + op), NEAR) for op in ("lu", "lu_factor")),
    *(Row("linalg." + op, solve("linalg." + op), NEAR, differentiable=True, shuffles=False)
      for op in ("solve", "solve_triangular")),
    Row("linalg.eigh", symmetric("linalg.eigh"), NEAR, canonical=canonical_eigh),
    Row("linalg.eigvalsh", symmetric("linalg.eigvalsh"), NEAR),
    Row("linalg.eig", square("linalg.eig", LINALG + ["complex64"]), ("scaled", 1024), lambda call: 10.0,
        canonical=canonical_eig),
    Row("linalg.eigvals", square("linalg.eigvals", LINALG + ["complex64"]), ("scaled", 1024), lambda call: 10.0,
        canonical=canonical_eigvals),
    Row("linalg.cross", cross, ("scaled", 4), product_scale),
    Row("linalg.norm", norm, ("scaled", 32), differentiable=True),
    *(Row("fft." + op, fft("fft." + op), ("scaled", 8), fft_scale, differentiable=True)
      for op in ("fft", "ifft", "rfft", "irfft")),
    *(Row("fft." + op, fftn("fft." + op), ("scaled", 8), fft_scale, differentiable=True)
      for op in ("fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2")),
    *(Row("fft." + op, fftshift("fft." + op)) for op in ("fftshift", "ifftshift")),
    *(Row("fft." + op, fftfreq("fft." + op), ("ulps", 1), mappable=False) for op in ("fftfreq", "rfftfreq")),
    *(Row("fast." + op, layers(op), ("scaled", 32), layer_scale, differentiable=True)
      for op in ("rms_norm", "layer_norm")),
    Row("fast.rope", rope, ("scaled", 64), differentiable=True, derivative_ulps=4096),
    Row("fast.scaled_dot_product_attention", attention, ("scaled", 16), lambda call: 1.0, differentiable=True),
    Row("random.bits", bits, **RANDOM),
    Row("random.split", random_split, **RANDOM),
    Row("random.key", random_key, **RANDOM),
    Row("random.uniform", uniform, "exact", **RANDOM),
    Row("random.normal", normal, ("scaled", 4), lambda call: 4.0, **RANDOM),
    Row("random.randint", randint, "exact", **RANDOM),
    Row("random.bernoulli", bernoulli, "exact", **RANDOM),
    Row("random.truncated_normal", truncated_normal, ("scaled", 64), lambda call: 1.0, **RANDOM),
    Row("random.gumbel", shaped("gumbel"), ("scaled", 4), lambda call: 1.0, **RANDOM),
    Row("random.laplace", shaped("laplace", loc=lambda g: g.integer(-4, 4) / 2, scale=lambda g: g.integer(1, 4) / 2),
        ("scaled", 4), lambda call: 4.0, **RANDOM),
    Row("random.categorical", categorical, "exact", **RANDOM),
    Row("random.multivariate_normal", multivariate_normal, ("scaled", 64), lambda call: 4.0, **RANDOM),
    Row("random.permutation", permutation, "exact", **RANDOM),
]
