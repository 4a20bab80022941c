"""Errors against float64, in units of the last place (ULPs) of the result's type.

All systems get the same inputs, NumPy arrays in files, rounded to the dtype; the
reference is computed from the rounded inputs in float64 by NumPy. Where sums of
both signs cancel, a result close to zero has no more digits than its neighbours:
there the unit is that of a typical result at least (their root mean square).
"""

import os
import re
import tempfile
from dataclasses import dataclass
from typing import Callable

import numpy as np

from cases.layers import RMS_NORM
from systems import Unsupported

MANTISSA = {"float32": 23, "bfloat16": 7, "float16": 10}
SMALLEST = {"float32": 2.0 ** -126, "bfloat16": 2.0 ** -126, "float16": 2.0 ** -14}

# Ours is worse than PyTorch if its error is larger by more than chance makes it.
WORSE_MEAN, WORSE_MAX, NOISE = 1.02, 1.1, 0.01


@dataclass
class Check:
    name: str
    ours: str
    shapes: tuple
    mlx: str
    torch: str
    reference: Callable
    cancels: bool = True  # results may be close to zero by cancellation
    positive: bool = False  # inputs close to one
    torch_first: str = ""
    mlx_first: str = ""


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def logsumexp(x, axis=None):
    return np.log(np.exp(x).sum(axis))


def rms_norm(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w


def layer_norm(x, w, b):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * w + b


def conv2d(x, w):
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    return sum(padded[:, i:i + height, j:j + width] @ w[:, i, j].T
               for i in range(3) for j in range(3))


def attention(q, k, v):
    return softmax(q @ k.swapaxes(-1, -2) * q.shape[-1] ** -0.5, -1) @ v


def reductions():
    square = ((1024, 1024),)
    for name, torch, function, options in (
            ("sum", "torch.sum(a{})", np.sum, {}),
            ("mean", "torch.mean(a{})", np.mean, {}),
            ("prod", "torch.prod(a{})", np.prod, {"cancels": False, "positive": True}),
            ("max", "torch.amax(a{})", np.max, {}),
            ("var", "torch.var(a{}, unbiased=False)", np.var, {"cancels": False}),
            ("logsumexp", "torch.logsumexp(a{})", logsumexp, {"cancels": False})):
        everything = ", (0, 1)" if name in ("logsumexp", "var") else ""
        if name != "prod":  # of a million factors there is little left
            yield Check(f"{name} everything", name, square, f"mx.{name}(a)",
                        torch.format(everything), function, **options)
        for axis in (0, 1):
            yield Check(f"{name} axis {axis}", f"{name}_{axis}", square, f"mx.{name}(a, {axis})",
                        torch.format(f", {axis}"), lambda x, f=function, k=axis: f(x, axis=k),
                        **options)
    for axis in (0, 1):
        yield Check(f"cumsum axis {axis}", f"cumsum_{axis}", square, f"mx.cumsum(a, {axis})",
                    f"torch.cumsum(a, {axis})", lambda x, k=axis: np.cumsum(x, axis=k))


def checks():
    yield from reductions()
    for axis in (0, 1):
        yield Check(f"softmax axis {axis}", f"softmax_{axis}", ((1024, 1024),),
                    f"mx.softmax(a, axis={axis})", f"torch.softmax(a, {axis})",
                    lambda x, k=axis: softmax(x, k), cancels=False)
    yield Check("rms_norm", "rms_norm", ((1024, 1024), (1024,)), "mx.fast.rms_norm(a, b, 1e-5)",
                "norm(a, b)", rms_norm, cancels=False, torch_first=RMS_NORM)
    yield Check("layer_norm", "layer_norm", ((1024, 1024), (1024,), (1024,)),
                "mx.fast.layer_norm(a, b, c, 1e-5)", "F.layer_norm(a, b.shape, b, c, 1e-5)",
                layer_norm)
    for size in (64, 256, 1024):
        yield Check(f"matmul {size}", "matmul", ((size, size),) * 2, "a @ b", "a @ b", np.matmul)
    yield Check("matmul, inner 8192", "matmul", ((64, 8192), (8192, 64)), "a @ b", "a @ b", np.matmul)
    yield Check("conv2d 3x3", "conv2d", ((2, 32, 32, 64), (64, 3, 3, 64)),
                "mx.conv2d(a, b, padding=1)",
                "F.conv2d(a.permute(0, 3, 1, 2), b.permute(0, 3, 1, 2), padding=1)"
                ".permute(0, 2, 3, 1)", conv2d)
    yield Check("attention", "attention_decode", ((1, 4, 256, 64),) * 3,
                "mx.fast.scaled_dot_product_attention(a, b, c, scale=0.125)",
                "torch.softmax(a @ b.transpose(-1, -2) * 0.125, -1) @ c", attention)


def rounded(x, dtype):
    """x as float32 with the digits of the dtype."""
    if dtype == "float16":
        return x.astype(np.float16).astype(np.float32)
    if dtype == "bfloat16":
        bits = x.astype(np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return x.astype(np.float32)


def ulps(result, exact, dtype, cancels):
    size = np.abs(exact)
    if cancels:
        size = np.maximum(size, np.sqrt(np.mean(exact ** 2)))
    unit = 2.0 ** (np.floor(np.log2(np.maximum(size, SMALLEST[dtype]))) - MANTISSA[dtype])
    return np.abs(result.astype(np.float64) - exact) / unit


def errors(check, dtype, systems, folder):
    """(max, mean) in ULPs of each system that can run the check."""
    generator = np.random.default_rng(0)
    arrays, inputs = [], []
    for number, shape in enumerate(check.shapes):
        values = generator.standard_normal(shape)
        arrays.append(rounded(1 + 0.01 * values if check.positive else values, dtype))
        file = os.path.join(folder, f"{number}.npy")
        np.save(file, arrays[-1])
        inputs.append(f"{dtype}:{'x'.join(map(str, shape))}:file={file}")
    exact = np.asarray(check.reference(*(x.astype(np.float64) for x in arrays)))
    check.inputs = " ".join(inputs)
    found = {}
    for system in systems:
        file = os.path.join(folder, "result.npy")
        try:
            system.prepare(check)
            system.save(file)
        except Unsupported:
            continue
        error = ulps(np.load(file), exact, dtype, check.cancels)
        found[system.name] = (float(error.max()), float(error.mean()))
    return found


def worse(found):
    if "torch" not in found:
        return False
    (most, mean), (torch_most, torch_mean) = found["ours"], found["torch"]
    return most > torch_most * WORSE_MAX + NOISE or mean > torch_mean * WORSE_MEAN + NOISE


def measure(systems, only):
    """{(check, dtype): {system: (max, mean)}}"""
    with tempfile.TemporaryDirectory() as folder:
        return {(check.name, dtype): errors(check, dtype, systems, folder)
                for check in checks() for dtype in MANTISSA
                if re.search(only, f"{check.name} {dtype}")}


def cell(found, name):
    return f"{found[name][0]:.3g} ({found[name][1]:.2g})" if name in found else "-"


def text(results):
    """Largest error and, in parentheses, the mean."""
    lines = [f"{'':36} {'ours':>16} {'mlx':>16} {'torch':>16}   (ULPs)"]
    for (name, dtype), found in results.items():
        lines.append(f"{name + ' ' + dtype:36} " + " ".join(
            f"{cell(found, system):>16}" for system in ("ours", "mlx", "torch")) +
            ("  WORSE" if worse(found) else ""))
    lines.append(f"\n{sum(map(worse, results.values()))} of {len(results)} worse than PyTorch")
    return "\n".join(lines)


def markdown(results):
    lines = ["| | dtype | ours | mlx | PyTorch |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {dtype} | " + " | ".join(
        cell(found, system) for system in ("ours", "mlx", "torch")) + " |"
        for (name, dtype), found in results.items()]
    return "\n".join(lines) + "\n"
