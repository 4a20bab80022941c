"""Other ways to our results under transforms: a loop for vmap, finite differences for derivatives."""

import numpy as np

import judge
import transforms
import wire


def loop_agrees(row, call, outputs, ask):
    """Whether the results of a vmap are those of the calls it stands for."""
    parts = [ask(part) for part in transforms.slices_of(call)]
    if any(part.error for part in parts):
        return False
    stacked = [wire.Array(np.stack([part.outputs[i].storage for part in parts]), output.dtype)
               for i, output in enumerate(outputs)]
    tolerance, scale = transforms.tolerance(row, call)
    return judge.differs(wire.Answer(outputs), wire.Answer(stacked), tolerance, scale) is None


def dot(a, b):
    """The sum of products that pairs cotangents with tangents, complex numbers as pairs of reals."""
    return float(sum(np.sum(np.real(np.conj(x) * y)) for x, y in zip(a, b)))


def wide(array):
    """In double precision, but for complex numbers, which have none."""
    if array.dtype in wire.FLOATS:
        return wire.Array(array.values.astype(np.float64), "float64")
    return wire.Array(array.storage, array.dtype)


def moved(call, of, directions, step):
    """The plain call at operands moved by `step` in these directions."""
    arrays = [wide(a) for a in call.arrays[:len(call.arrays) - call.transform["extra"]]]
    for i, direction in zip(of, directions):
        arrays[i] = wire.Array((arrays[i].storage + step * direction).astype(arrays[i].base.dtype),
                               arrays[i].dtype)
    return wire.Call(call.op, arrays, call.args, call.positional)


def differences_agree(call, outputs, ask, rng):
    """Whether a vjp or jvp agrees with finite differences of the operation: along the tangents, or
    along one random direction."""
    of = call.transform["of"]
    given = [wide(a).storage for a in call.arrays[-call.transform["extra"]:]]
    jvp = call.transform["kind"] == "jvp"
    directions = given if jvp else [rng.normal(size=call.arrays[i].shape) for i in of]
    single = any(call.arrays[i].dtype == "complex64" for i in of)
    step = 1e-2 if single else 1e-5
    ends = [ask(moved(call, of, directions, sign * step)) for sign in (1, -1)]
    if any(end.error or any(o.dtype not in ("float64", "complex64") for o in end.outputs) for end in ends):
        return False
    if any(o.dtype == "complex64" for o in ends[0].outputs) and not single:
        return False  # too rough for the step
    slopes = [(a.values - b.values) / (2 * step) for a, b in zip(*(end.outputs for end in ends))]
    derivatives = [wide(o).storage for o in outputs[len(outputs) - (len(slopes) if jvp else len(of)):]]
    epsilon = max(wire.EPSILON[call.arrays[i].dtype] for i in of)
    with np.errstate(all="ignore"):
        if jvp:
            pairs = list(zip(derivatives, slopes))
        else:
            pairs = [(np.array(dot(derivatives, directions)), np.array(dot(given, slopes)))]
        error = 64 * epsilon + (1e-2 if single else 1e-5)
        return all(np.allclose(a, b, rtol=error, atol=error) for a, b in pairs)
