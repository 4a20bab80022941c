#!/usr/bin/env python3
"""A peer's side of the comparison: understands what ours.cpp does, but for

    prepare {"expression": ..., "first": ..., "inputs": ...}

The expression is evaluated for each call, with the inputs as a, b, c, ...;
`first` is run once before, to change inputs or to compile something.

Usage: peers.py mlx|torch
"""

import json
import os
import statistics
import string
import sys
import time

import numpy

SLOW = 1.0  # seconds; as in ours.cpp
FEWEST = 3


class Mlx:
    def __init__(self):
        import mlx.core as mx
        import mlx.nn as nn

        mx.set_default_device(mx.cpu)
        self.mx, self.names = mx, {"mx": mx, "nn": nn}
        self.wait = mx.eval

    def input(self, dtype, shape, kind, value):
        mx = self.mx
        dtype = getattr(mx, {"bool": "bool_"}.get(dtype, dtype))
        if kind == "quantized":
            made = list(mx.quantize(mx.random.normal(shape), 64, int(value)))
        elif kind == "normal":
            made = [mx.random.normal(shape).astype(dtype)]
        elif kind == "below":
            made = [mx.random.randint(0, int(value), shape).astype(dtype)]
        elif kind == "uniform":
            made = [mx.random.uniform(*map(float, value.split(",")), shape).astype(dtype)]
        else:
            made = [mx.array(numpy.load(value)).astype(dtype)]
        mx.eval(made)
        return made

    def numpy(self, result):
        return numpy.array(result.astype(self.mx.float32))

    def release(self):
        self.mx.clear_cache()


class Torch:
    def __init__(self):
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
        torch.set_grad_enabled(False)
        self.torch, self.names = torch, {"torch": torch, "F": torch.nn.functional}
        self.wait = lambda result: None

    def input(self, dtype, shape, kind, value):
        torch = self.torch
        dtype = getattr(torch, "int64" if dtype == "uint32" else dtype)
        if kind in ("normal", "quantized"):  # it has no packed matrices: the one that they replace
            return [torch.randn(shape).to(dtype)]
        if kind == "below":
            return [torch.randint(0, int(value), shape).to(dtype)]
        if kind == "uniform":
            low, high = map(float, value.split(","))
            return [(torch.rand(shape) * (high - low) + low).to(dtype)]
        return [torch.from_numpy(numpy.load(value)).to(dtype)]

    def numpy(self, result):
        return result.float().contiguous().numpy()

    def release(self):
        pass


class Session:
    def __init__(self, system):
        self.system = system
        self.call = None

    def answer(self, line):
        verb, _, rest = line.partition(" ")
        if verb == "prepare":
            return self.prepare(**json.loads(rest))
        if verb == "measure":
            return str(self.measure(float(rest)))
        if verb == "save":
            numpy.save(rest, self.system.numpy(self.call()))
            return "saved"
        self.call = None
        self.system.release()
        return "released"

    def prepare(self, expression, first, inputs):
        made = []
        for text in inputs.split():
            dtype, sizes, kind = text.split(":")
            kind, _, value = kind.partition("=")
            made += self.system.input(dtype, [int(size) for size in sizes.split("x")], kind, value)
        names = {"__name__": "peers", **self.system.names,
                 **dict(zip(string.ascii_lowercase, made))}
        exec(first, names)
        self.call = eval(f"lambda: {expression}", names)
        return "ready"

    def once(self):
        begin = time.perf_counter()
        result = self.call()
        self.system.wait(result)
        del result
        return time.perf_counter() - begin

    def measure(self, budget):
        first = self.once()
        if first > SLOW:
            return first * 1e3
        self.once()
        times = []
        while sum(times) < budget or len(times) < FEWEST:
            times.append(self.once())
        return statistics.median(times) * 1e3


def main():
    session = Session({"mlx": Mlx, "torch": Torch}[sys.argv[1]]())
    for line in sys.stdin:
        try:
            answer = session.answer(line.strip())
        except Exception as error:  # the line says what it cannot do; the run goes on
            answer = f"error: {type(error).__name__}: {error}".replace("\n", " ")
        print(answer, flush=True)


if __name__ == "__main__":
    main()
