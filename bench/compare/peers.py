#!/usr/bin/env python3
"""The peers' side of the comparison: one case of one system.

Usage: peers.py SYSTEM CASE REPEATS    prints "CASE MILLISECONDS" (median)
"""

import math
import os
import statistics
import sys
import time

STREAM = 1 << 24
GELU = (8, 1000, 4096)
QMM_ROWS = (1, 8, 32, 512)


def mlx_cases():
    import mlx.core as mx

    mx.set_default_device(mx.cpu)

    def random(*shape, dtype=mx.float32):
        x = mx.random.normal(shape).astype(dtype)
        mx.eval(x)
        return x

    def scalar_adds():
        start, one = mx.array(0.0), mx.array(1.0)

        def run():
            x = start
            for _ in range(10_000):
                x = x + one
            mx.eval(x)
        return run

    def unary(shape, f):
        x = random(*shape)
        return lambda: mx.eval(f(x))

    def add():
        a, b = random(STREAM), random(STREAM)
        return lambda: mx.eval(a + b)

    def matmul(n, dtype):
        a, b = random(n, n, dtype=dtype), random(n, n, dtype=dtype)
        return lambda: mx.eval(a @ b)

    def qmm(bits, rows):
        w, x = mx.quantize(random(4096, 4096), 64, bits), random(rows, 4096)
        mx.eval(w, x)
        return lambda: mx.eval(mx.quantized_matmul(x, *w, group_size=64, bits=bits))

    def attention(*shape):
        q, k, v = (random(*shape) for _ in range(3))
        return lambda: mx.eval(
            mx.fast.scaled_dot_product_attention(q, k, v, scale=0.125, mask="causal"))

    def norm(f, params):
        x, p = random(*GELU), [random(GELU[-1]) for _ in range(params)]
        return lambda: mx.eval(f(x, *p, 1e-5))

    def mlp_step():
        x, y = random(256, 784), mx.random.randint(0, 10, (256,))
        params = [random(784, 1024) * 0.03, random(1024), random(1024, 1024) * 0.03, random(1024),
                  random(1024, 10) * 0.03, random(10)]
        mx.eval(params, y)

        def loss(p):
            h = mx.maximum(mx.addmm(p[1], x, p[0]), 0)
            h = mx.maximum(mx.addmm(p[3], h, p[2]), 0)
            logits = mx.addmm(p[5], h, p[4])
            picked = mx.take_along_axis(logits, y[:, None], -1).squeeze(-1)
            return mx.mean(mx.logsumexp(logits, -1) - picked)

        step = mx.value_and_grad(loss)

        def run():
            nonlocal params
            value, grads = step(params)
            params = [p - 0.01 * g for p, g in zip(params, grads)]
            mx.eval(value, params)
        return run

    root2 = math.sqrt(2)
    return {
        "scalar_adds": scalar_adds,
        "add": add,
        "exp": lambda: unary((STREAM,), mx.exp),
        "gelu": lambda: unary(GELU, lambda x: x * (1 + mx.erf(x / root2)) / 2),
        "sum": lambda: unary((STREAM,), mx.sum),
        "softmax": lambda: unary((4096, 4096), lambda x: mx.softmax(x, axis=-1)),
        "rms_norm": lambda: norm(mx.fast.rms_norm, 1),
        "layer_norm": lambda: norm(mx.fast.layer_norm, 2),
        "attention_512": lambda: attention(1, 16, 512, 64),
        "attention_2048": lambda: attention(1, 32, 2048, 128),
        "matmul_1024": lambda: matmul(1024, mx.float32),
        "matmul_2048": lambda: matmul(2048, mx.float32),
        "matmul_1024_bf16": lambda: matmul(1024, mx.bfloat16),
        "matmul_2048_bf16": lambda: matmul(2048, mx.bfloat16),
        "mlp_step": mlp_step,
        **{f"qmm_{bits}bit_{rows}": lambda b=bits, r=rows: qmm(b, r)
           for bits in (4, 8) for rows in QMM_ROWS},
    }


def torch_cases():
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    torch.set_grad_enabled(False)

    def scalar_adds():
        start, one = torch.tensor(0.0), torch.tensor(1.0)

        def run():
            x = start
            for _ in range(10_000):
                x = x + one
        return run

    def unary(shape, f):
        x = torch.randn(shape)
        return lambda: f(x)

    def add():
        a, b = torch.randn(STREAM), torch.randn(STREAM)
        return lambda: a + b

    def matmul(n, dtype):
        a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
        return lambda: a @ b

    # Debian's PyTorch has no products with packed matrices: the float32 one that they replace.
    def linear(rows):
        x, w = torch.randn(rows, 4096), torch.randn(4096, 4096)
        return lambda: torch.nn.functional.linear(x, w)

    def attention(*shape):
        q, k, v = (torch.randn(shape) for _ in range(3))
        if hasattr(torch.nn.functional, "scaled_dot_product_attention"):
            return lambda: torch.nn.functional.scaled_dot_product_attention(
                q, k, v, is_causal=True, scale=0.125)
        hidden = torch.ones(shape[2], shape[2], dtype=torch.bool).triu(1)

        def run():  # before PyTorch 2
            scores = (q @ k.transpose(-1, -2)).mul_(0.125).masked_fill_(hidden, -math.inf)
            return torch.softmax(scores, -1) @ v
        return run

    def rms_norm():
        x, w = torch.randn(GELU), torch.randn(GELU[-1])
        if hasattr(torch.nn.functional, "rms_norm"):
            return lambda: torch.nn.functional.rms_norm(x, GELU[-1:], w, 1e-5)
        return lambda: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * w

    def layer_norm():
        x, w, b = torch.randn(GELU), torch.randn(GELU[-1]), torch.randn(GELU[-1])
        return lambda: torch.nn.functional.layer_norm(x, GELU[-1:], w, b, 1e-5)

    def mlp_step():
        x, y = torch.randn(256, 784), torch.randint(0, 10, (256,))
        shapes = [(784, 1024), (1024,), (1024, 1024), (1024,), (1024, 10), (10,)]
        params = [(torch.randn(s) * 0.03).requires_grad_() for s in shapes]

        def run():
            with torch.enable_grad():
                h = torch.relu(torch.addmm(params[1], x, params[0]))
                h = torch.relu(torch.addmm(params[3], h, params[2]))
                logits = torch.addmm(params[5], h, params[4])
                loss = torch.nn.functional.cross_entropy(logits, y)
                grads = torch.autograd.grad(loss, params)
            for p, g in zip(params, grads):
                p.sub_(g, alpha=0.01)
        return run

    return {
        "scalar_adds": scalar_adds,
        "add": add,
        "exp": lambda: unary((STREAM,), torch.exp),
        "gelu": lambda: unary(GELU, torch.nn.functional.gelu),
        "sum": lambda: unary((STREAM,), torch.sum),
        "softmax": lambda: unary((4096, 4096), lambda x: torch.softmax(x, -1)),
        "rms_norm": rms_norm,
        "layer_norm": layer_norm,
        "attention_512": lambda: attention(1, 16, 512, 64),
        "attention_2048": lambda: attention(1, 32, 2048, 128),
        "matmul_1024": lambda: matmul(1024, torch.float32),
        "matmul_2048": lambda: matmul(2048, torch.float32),
        "matmul_1024_bf16": lambda: matmul(1024, torch.bfloat16),
        "matmul_2048_bf16": lambda: matmul(2048, torch.bfloat16),
        "mlp_step": mlp_step,
        **{f"qmm_{bits}bit_{rows}": lambda r=rows: linear(r)
           for bits in (4, 8) for rows in QMM_ROWS},
    }


def numpy_cases():
    import numpy as np

    rng = np.random.default_rng(0)

    def random(*shape):
        return rng.standard_normal(shape, dtype=np.float32)

    def scalar_adds():
        start, one = np.array(0.0, np.float32), np.array(1.0, np.float32)

        def run():
            x = start
            for _ in range(10_000):
                x = x + one
        return run

    def unary(shape, f):
        x = random(*shape)
        return lambda: f(x)

    def add():
        a, b = random(STREAM), random(STREAM)
        return lambda: a + b

    def matmul(n):
        a, b = random(n, n), random(n, n)
        return lambda: a @ b

    def softmax(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def gelu_tanh(x):  # NumPy has no erf: the usual approximation
        return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))

    return {
        "scalar_adds": scalar_adds,
        "add": add,
        "exp": lambda: unary((STREAM,), np.exp),
        "gelu": lambda: unary(GELU, gelu_tanh),
        "sum": lambda: unary((STREAM,), np.sum),
        "softmax": lambda: unary((4096, 4096), softmax),
        "matmul_1024": lambda: matmul(1024),
        "matmul_2048": lambda: matmul(2048),
    }


def main():
    system, case, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3])
    run = {"mlx": mlx_cases, "torch": torch_cases, "numpy": numpy_cases}[system]()[case]()
    run()
    run()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e3)
    print(case, statistics.median(times))


if __name__ == "__main__":
    main()
