"""NumPy's results, in double precision, for calls on which MLX and we disagree."""

import math

import numpy as np

import judge
import transforms
import wire


def wide(array):
    """The values in the widest type of their kind."""
    values = array.values
    if array.dtype == "complex64":
        return values.astype(np.complex128)
    return values.astype(np.float64) if array.dtype in wire.FLOATS else values


def floats(array):
    values = wide(array)
    return values if values.dtype in (np.float64, np.complex128) else values.astype(np.float64)


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def of_floats(function):
    return lambda call: function(*(floats(a) for a in call.arrays))


def reduce_by(function, convert=floats):
    def run(call):
        axis = call.args.get("axis")
        args = {"axis": tuple(axis) if isinstance(axis, list) else axis,
                "keepdims": call.args.get("keepdims", False)}
        if "ddof" in call.args:
            args["ddof"] = call.args["ddof"]
        return function(convert(call.arrays[0]), **args)
    return run


def sigmoid(x):
    return np.where(x < 0, np.exp(np.minimum(x, 0)) / (1 + np.exp(np.minimum(x, 0))),
                    1 / (1 + np.exp(-np.maximum(x, 0))))


def logsumexp(x, axis, keepdims):
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis if axis is not None else None)


def total(values, **args):
    return np.sum(values.astype(np.float64) if values.dtype.kind == "b" else values, **args)


def softmax(call):
    axis = call.args.get("axis")
    axis = tuple(axis) if isinstance(axis, list) else axis
    x = floats(call.arrays[0])
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def promoted(function):
    """Of two operands in the type that NumPy promotes them to."""
    return lambda call: function(wide(call.arrays[0]), wide(call.arrays[1]))


def accumulated(function, identity):
    def run(call):
        args = call.args
        x = floats(call.arrays[0])
        axis = args.get("axis")
        x, axis = (x.ravel(), 0) if axis is None else (x, axis)
        reverse = args.get("reverse", False)
        result = function(np.flip(x, axis) if reverse else x, axis)
        if not args.get("inclusive", True):
            first = np.full_like(np.take(result, [0], axis), identity if np.iscomplexobj(x) else np.real(identity))
            result = np.concatenate([first, np.delete(result, -1, axis)], axis)
        return np.flip(result, axis) if reverse else result
    return run


def logs_added_up(x, axis):
    if not np.iscomplexobj(x):
        return np.logaddexp.accumulate(x, axis)
    return np.log(np.cumsum(np.exp(x), axis))  # which complex calls are small enough for


def arg_reduce(function, last):
    """As MLX has it: a NaN is less and greater than nothing, so it wins only where it is first."""
    def run(call):
        values, axis = wide(call.arrays[0]), call.args.get("axis")
        if values.dtype == np.float64:
            first = np.isnan(np.take(values.ravel() if axis is None else values, [0], axis or 0))
            found = function(np.where(np.isnan(values), last, values), axis=axis, keepdims=True)
            found = np.where(first.reshape(found.shape), 0, found)
        else:
            found = function(values, axis=axis, keepdims=True)
        if not call.args.get("keepdims", False):
            found = found.squeeze(axis)
        return found.astype(np.uint32)
    return run


def rounded_to(call):
    """As MLX does it: by a factor, in the type of the array."""
    return np.round(floats(call.arrays[0]), call.args.get("decimals", 0))


def is_close(call):
    a, b = (wide(x) for x in call.arrays)
    if a.dtype.kind in "ui" and b.dtype.kind in "ui":  # NumPy's would wrap around
        a, b = a.astype(object), b.astype(object)
        allowed = abs(b) * call.args.get("rtol", 1e-5) + call.args.get("atol", 1e-8)
        return np.asarray(abs(a - b) <= allowed).astype(bool)
    a, b = (floats(x) for x in call.arrays)
    return np.isclose(a, b, call.args.get("rtol", 1e-5), call.args.get("atol", 1e-8),
                      call.args.get("equal_nan", False))


def norm(call):
    ord_ = call.args.get("ord")
    if call.args.get("ord_kind") == "infinite":
        ord_ *= np.inf
    axis = call.args.get("axis")
    return np.linalg.norm(floats(call.arrays[0]), ord_, tuple(axis) if isinstance(axis, list) else axis,
                          call.args.get("keepdims", False))


def vecdot(a, b):
    return np.vecdot(*(x.astype(np.int64) if x.dtype == bool else x for x in (a, b)))


def take_one(call):
    return np.take(call.arrays[0].storage, call.args["index"], call.args.get("axis"))


def addmm(call):
    c, a, b = (floats(x) for x in call.arrays)
    return call.args.get("alpha", 1) * (a @ b) + call.args.get("beta", 1) * c


def number_of_elements(call):
    shape = call.arrays[0].shape
    count = math.prod(shape[axis] for axis in call.args["axes"])
    return 1 / count if call.args["inverted"] and count else float("inf") if call.args["inverted"] else count


def scatter_add_axis(call):
    a, indices, values = (wide(x).copy() for x in call.arrays)
    axis = call.args["axis"]
    key = list(np.indices(indices.shape, sparse=True))
    key[axis] = indices.astype(np.int64)
    np.add.at(a, tuple(key), values)
    return a


REFERENCES = {
    "addmm": addmm,
    "number_of_elements": number_of_elements, "scatter_add_axis": scatter_add_axis,
    "cummax": accumulated(np.maximum.accumulate, complex(-np.inf, -np.inf)),
    "cummin": accumulated(np.minimum.accumulate, complex(np.inf, np.inf)),
    "cumsum": accumulated(np.cumsum, 0), "cumprod": accumulated(np.cumprod, 1),
    "logcumsumexp": accumulated(logs_added_up, -np.inf),
    "argmax": arg_reduce(np.argmax, -np.inf), "argmin": arg_reduce(np.argmin, np.inf),
    "round": rounded_to, "isclose": is_close,
    "allclose": lambda call: np.all(is_close(call)),
    "linalg.det": of_floats(np.linalg.det), "linalg.slogdet": of_floats(np.linalg.slogdet),
    "linalg.inv": of_floats(np.linalg.inv), "linalg.norm": norm,
    "kron": promoted(np.kron), "vecdot": promoted(vecdot), "take_one": take_one,
    **{op: of_floats(getattr(np, op)) for op in (
        "exp", "log", "log2", "log10", "log1p", "expm1", "sin", "cos", "tan", "arcsin", "arccos",
        "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "sqrt", "reciprocal",
        "degrees", "radians", "arctan2", "logaddexp", "divide")},
    "rsqrt": of_floats(lambda x: 1 / np.sqrt(x)),
    "sigmoid": of_floats(sigmoid),
    "erf": of_floats(erf),
    "sum": reduce_by(total), "mean": reduce_by(np.mean), "prod": reduce_by(np.prod),
    "var": reduce_by(np.var), "std": reduce_by(np.std), "logsumexp": reduce_by(logsumexp),
    "median": reduce_by(np.median), "any": reduce_by(np.any, wide), "all": reduce_by(np.all, wide),
    "max": reduce_by(np.max, wide), "min": reduce_by(np.min, wide),
    "softmax": softmax,
    "power": of_floats(np.power),
}


def eigenvectors(call, outputs):
    values, vectors = (o.values.astype(np.complex128) for o in outputs)
    matrix = wide(call.arrays[0])
    return np.abs(matrix @ vectors - vectors * values[..., None, :]).max() <= 1e-4 * np.abs(matrix).max()


def orthogonal_and_triangular(call, outputs):
    q, r = (o.values.astype(np.float64) for o in outputs)
    matrix = wide(call.arrays[0])
    unit = np.swapaxes(q, -1, -2) @ q - np.eye(q.shape[-1])
    error = max(np.abs(q @ r - matrix).max() / max(np.abs(matrix).max(), 1), np.abs(unit).max())
    return error <= 256 * wire.EPSILON[outputs[0].dtype] and not np.tril(r, -1).any()


def inverse_of_erf(call, outputs):
    error = np.abs(erf(floats(outputs[0])) - floats(call.arrays[0]))
    return bool((error <= 4 * wire.EPSILON[outputs[0].dtype]).all())


# Whether results are what they should be, where more than one answer is right.
DEFINITIONS = {"erfinv": inverse_of_erf, "linalg.eig": eigenvectors, "linalg.qr": orthogonal_and_triangular}


def rounded(values, dtype):
    """An array of the dtype that the library gave."""
    with np.errstate(all="ignore"):
        values = np.asarray(values)
        if dtype in wire.INTEGERS and values.dtype.kind == "f" and not (
                (values == np.rint(values)) & (np.abs(values) < 2**52)).all():
            raise TypeError("no integers")
        return wire.Array(np.asarray(wire.to_storage(values, dtype)), dtype)


def flush(array):
    """Without subnormal numbers, which vectors may take for 0."""
    if array.dtype not in wire.FLOATS:
        return array
    values = np.where(np.abs(array.values) < 2 * wire.TINY[array.dtype], 0, array.values)
    return wire.Array(wire.to_storage(values, array.dtype), array.dtype)


def agrees(row, call, ours):
    """Whether there is a reference and we agree with it."""
    if ours.error or call.transform:
        return False
    if call.op in DEFINITIONS:
        return bool(DEFINITIONS[call.op](call, ours.outputs))
    if call.op not in REFERENCES:
        return False
    try:
        with np.errstate(all="ignore"):
            values = REFERENCES[call.op](call)
        outputs = [rounded(v, o.dtype) for v, o in zip(values if isinstance(values, tuple) else [values],
                                                      ours.outputs)]
    except (ValueError, TypeError, IndexError):
        return False
    tolerance, scale = transforms.tolerance(row, call)
    flushed = [wire.Answer([flush(o) for o in side]) for side in (ours.outputs, outputs)]
    return judge.differs(*flushed, tolerance, scale) is None
