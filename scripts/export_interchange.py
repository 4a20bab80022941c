#!/usr/bin/env python3
"""Imports the files of our export_rows with the published mlx package, and calls them.

usage: export_interchange.py FOLDER   after: build/bin/export_rows FOLDER
Prints each function that is not imported or gives other values, then the count.
"""

import sys
from pathlib import Path

import mlx.core as mx
import numpy as np


def as_numpy(x):
    return np.array(x.astype(mx.float32) if x.dtype == mx.bfloat16 else x)


def difference(got, expected):
    """What is different between two arrays, or None."""
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return f"{got.dtype} {got.shape}, expected {expected.dtype} {expected.shape}"
    a, b = as_numpy(got), as_numpy(expected)
    tolerance = 2e-2 if got.dtype in (mx.float16, mx.bfloat16) else 2e-4
    if np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
        return None
    return f"values: {a.ravel()[:4]}, expected {b.ravel()[:4]}"


def check(path):
    arrays = mx.load(str(path.with_suffix(".npz")))
    inputs = [arrays[f"in{i}"] for i in range(sum(k.startswith("in") for k in arrays))]
    expected = [arrays[f"out{i}"] for i in range(len(arrays) - len(inputs))]
    try:
        results = mx.import_function(str(path))(*inputs)
        mx.eval(results)
    except (MemoryError, RuntimeError, ValueError) as error:
        return str(error).splitlines()[0]
    if len(results) != len(expected):
        return f"{len(results)} results, expected {len(expected)}"
    found = [difference(a, b) for a, b in zip(results, expected)]
    return next((f"result {i}: {text}" for i, text in enumerate(found) if text), None)


def main():
    folder = Path(sys.argv[1])
    mx.set_default_device(mx.cpu)
    names = (folder / "names.txt").read_text().splitlines()
    passed = 0
    for number, name in enumerate(names):
        problem = check(folder / f"{number}.mlxfn")
        passed += problem is None
        if problem:
            print(f"{name}: {problem}")
    print(f"{passed} of {len(names)} functions are imported and give the same values")


if __name__ == "__main__":
    main()
