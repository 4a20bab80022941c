"""Whether two answers agree, and by how much they may differ.

A tolerance is
  "exact"        every bit but the payload of NaN
  "equal"        exact, but 0 and -0 are equal
  ("ulps", n)    n units in the last place of each result
  ("scaled", n)  n units in the last place of the largest magnitude among results and `scale`
Integers and booleans are always exact.
"""

import numpy as np

import wire


def ulps_allowed(tolerance, dtype, expected, scale):
    """The absolute difference allowed, per element. Half precision rounds more often in
    intermediate steps of compositions, but its units are large: no more than a few."""
    kind, count = tolerance
    epsilon = wire.EPSILON[dtype]
    magnitude = np.abs(expected)
    if kind == "scaled":
        finite = magnitude[np.isfinite(magnitude)]
        largest = max(float(finite.max()) if finite.size else 0.0, scale or 0.0)
        magnitude = np.full(magnitude.shape, largest)
    magnitude = np.where(np.isfinite(magnitude), magnitude, 0)
    return count * epsilon * np.maximum(magnitude, wire.TINY[dtype])


def same_bits(a, b, dtype, signed_zero):
    if dtype not in wire.FLOATS + ["complex64"]:
        return a == b
    if dtype == "complex64":
        parts = [same_bits(x, y, "float32", signed_zero) for x, y in ((a.real, b.real), (a.imag, b.imag))]
        return (parts[0] & parts[1]) | (np.isnan(a) & np.isnan(b))  # one part of NaN spoils both
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        return same & ((np.signbit(a) == np.signbit(b)) | (a != 0)) if signed_zero else same


def near(a, b, dtype, tolerance, scale):
    with np.errstate(all="ignore"):
        wide = np.complex128 if dtype == "complex64" else np.float64
        a, b = a.astype(wide), b.astype(wide)
        allowed = ulps_allowed(tolerance, dtype, b, scale)
        close = np.abs(a - b) <= allowed
        if dtype == "complex64":
            # Infinite and undefined parts: one bad part makes a complex number bad.
            bad = ~np.isfinite(a) & ~np.isfinite(b)
            return close | bad
        return close | (a == b) | (np.isnan(a) & np.isnan(b)) | rounds_to_infinity(a, b, dtype)


def rounds_to_infinity(a, b, dtype):
    """The largest number and infinity are neighbours."""
    largest = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028234e38,
               "float64": 1.7e308}[dtype]
    big_a, big_b = np.abs(a) >= largest * (1 - 1e-2), np.abs(b) >= largest * (1 - 1e-2)
    return big_a & big_b & (np.sign(a) == np.sign(b)) & (np.isinf(a) != np.isinf(b))


def agreement(ours, theirs, tolerance, scale):
    """A boolean per element of two arrays of one dtype and shape."""
    dtype = ours.dtype
    a, b = ours.values, theirs.values
    inexact = dtype in wire.FLOATS + ["complex64"]
    if not inexact or isinstance(tolerance, str):
        return same_bits(a, b, dtype, signed_zero=tolerance == "exact")
    return near(a, b, dtype, tolerance, scale)


def first_difference(ours, theirs, agree):
    position = tuple(int(i[0]) for i in np.nonzero(~agree)) if agree.ndim else ()
    return (f"at {list(position)}: {ours.values[position]!r} here, {theirs.values[position]!r} there;"
            f" {int((~agree).sum())} of {agree.size} differ")


def differs(ours, theirs, tolerance, scale=None):
    """None if two answers agree; otherwise (kind, what differs).
    Kinds: error, error type, count, shape, dtype, values."""
    if ours.error or theirs.error:
        if ours.error and theirs.error:
            same = ours.error == theirs.error
            return None if same else ("error type", f"{ours.describe()} | {theirs.describe()}")
        return "error", f"here {ours.describe()} | there {theirs.describe()}"
    if len(ours.outputs) != len(theirs.outputs):
        return "count", f"{len(ours.outputs)} results here, {len(theirs.outputs)} there"
    for i, (a, b) in enumerate(zip(ours.outputs, theirs.outputs)):
        if a.shape != b.shape:
            return "shape", f"result {i}: {list(a.shape)} here, {list(b.shape)} there"
        if a.dtype != b.dtype:
            return "dtype", f"result {i}: {a.dtype} here, {b.dtype} there"
        agree = np.asarray(agreement(a, b, tolerance, scale))
        if not agree.all():
            return "values", f"result {i} ({a.dtype}) " + first_difference(a, b, agree)
    return None
