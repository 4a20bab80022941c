#!/usr/bin/env python3
"""Writes the files of this folder with the published mlx package: functions, and in
values.safetensors what they get and give. Run in this folder."""

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)


def numbers(*shape, low=-2.0, high=2.0):
    values = (np.arange(int(np.prod(shape))) * 37 + 11) % 101 / 101
    return mx.array((low + (high - low) * values).reshape(shape).astype(np.float32))


def updates(x, i, v):
    y = x + 0
    y[i] = v
    y[1:3, ::2] = 5.0
    return y, x.at[i].add(v), x.at[i].maximum(v), x.at[1:3].multiply(v)


def indexing(x, i):
    j = mx.zeros((4, 2), mx.int32) + i
    return (
        mx.take(x, i, axis=1),
        x[i, i],
        x[1],
        x[::-1, 1:4],
        mx.take_along_axis(x, j, axis=1),
        mx.put_along_axis(x, j, x[:, :2], axis=1),
        mx.slice(x, i, axes=(0, 1), slice_size=(2, 2)),
    )


def masked(x, v):
    y = x + 0
    y[x > 0] = v
    return y


def shapes(x):
    a, b, c = mx.split(x, [1, 3], axis=1)
    return (
        a,
        mx.concatenate([c, b], axis=1),
        x.T.flatten(),
        mx.unflatten(x, 1, (2, 3)),
        mx.pad(x, ((1, 0), (0, 2)), constant_values=3.0),
        mx.pad(x, 1, mode="edge"),
        mx.roll(x, 2, axis=0),
        mx.tile(x, (2, 1)),
        mx.view(x, mx.int32),
        mx.as_strided(x, (2, 3), (6, 1), 2),
        mx.diagonal(x, 1),
        mx.tril(x),
        mx.eye(3),
    )


def reductions(x):
    return (
        x.sum(axis=0),
        x.prod(),
        x.max(axis=1, keepdims=True),
        mx.any(x > 1, axis=1),
        mx.argmin(x, axis=1),
        mx.var(x, axis=1),
        mx.logsumexp(x, axis=-1),
        mx.softmax(x, axis=-1),
        mx.softmax(x, axis=0),
        mx.cumsum(x, axis=1, reverse=True, inclusive=False),
        mx.cummax(x, axis=0),
        mx.sort(x, axis=1),
        mx.argsort(x, axis=0),
        mx.topk(x, 2, axis=1).sum(axis=1),
        mx.median(x, axis=0),
    )


def arithmetic(x, y, i):
    return (
        mx.exp(x) * y - mx.log(y) / 3,
        mx.divmod(i, 3)[1],
        mx.abs(x) ** y,
        mx.where(x > 0, x, y),
        mx.rsqrt(y) + mx.erf(x) + mx.sigmoid(x),
        mx.logical_and(x > 0, i > 2),
        (i << 2) ^ (i & 3),
        mx.round(x, 1),
        mx.isclose(x, y),
        mx.array_equal(x, x, equal_nan=True),
        x.astype(mx.bfloat16) + i,
        mx.log2(y) + mx.log10(y) + mx.log1p(y),
        mx.isinf(x / 0),
        mx.nan_to_num(x),
    )


def products(x, w, v):
    return x @ w, mx.addmm(v, x, w, 2.0, 0.5), mx.einsum("ij,jk->ki", x, w), mx.inner(x, x)


def layers(x, w, image, kernel):
    heads = x[None, None]
    return (
        mx.fast.rms_norm(x, w, 1e-5),
        mx.fast.layer_norm(x, w, None, 1e-5),
        mx.fast.rope(heads, 8, traditional=True, base=100.0, scale=1.0, offset=2),
        mx.fast.scaled_dot_product_attention(heads, heads, heads, scale=0.5, mask="causal"),
        mx.conv2d(image, kernel, (1, 2), (1, 0)),
        mx.conv_transpose2d(image, kernel, 2),
        mx.hadamard_transform(x),
    )


def gradients(x, w):
    return mx.grad(lambda a, b: mx.sum(mx.fast.layer_norm(a, b, None, 1e-5) ** 2), (0, 1))(x, w)


def quantized(x, w, scales, biases):
    return (
        mx.quantized_matmul(x, w, scales, biases, group_size=32, bits=4),
        mx.dequantize(w, scales, biases, group_size=32, bits=4),
        *mx.quantize(x, group_size=32, bits=8),
    )


def linear_algebra(a):
    return (
        mx.linalg.inv(a),
        mx.linalg.cholesky(a),
        mx.linalg.tri_inv(mx.tril(a)),
        mx.linalg.eigvalsh(a),
        mx.linalg.svd(a)[1],
        mx.abs(mx.linalg.qr(a)[1]),
    )


def fourier(x, z):
    return mx.fft.rfft(x), mx.fft.irfft(z), mx.fft.fft2(z), mx.fft.ifft(z, axis=0)


def random(key):
    k1, k2 = mx.random.split(key)
    return mx.random.uniform(shape=(3, 2), key=k1), mx.random.bernoulli(0.3, (8,), key=k2)


def following(x, y):
    return mx.mean(x * y, axis=1), x.flatten(), mx.softmax(x + 1, axis=0), mx.expand_dims(y, 0)


def mlp(x, *, weight, bias):
    return mx.maximum(x @ weight + bias, 0)


x, y = numbers(4, 6), numbers(6, low=0.2)
square = numbers(3, 3)
packed = mx.quantize(numbers(8, 32), group_size=32, bits=4)
functions = [
    (arithmetic, x, y, mx.arange(6)),
    (products, x, numbers(6, 5), numbers(5)),
    (shapes, x),
    (reductions, x),
    (indexing, x, mx.array([2, 1])),
    (updates, x, mx.array([0, 3]), numbers(2, 6)),
    (masked, x, numbers(24)),
    (layers, numbers(5, 8), numbers(8), numbers(1, 5, 5, 2), numbers(3, 2, 2, 2)),
    (gradients, numbers(5, 8), numbers(8)),
    (quantized, numbers(2, 32), *packed),
    (linear_algebra, square @ square.T + 4 * mx.eye(3)),
    (fourier, x, x + 1j * numbers(4, 6, low=-1)),
    (random, mx.random.key(3)),
]

values = {}


def store(name, inputs, results):
    results = [results] if isinstance(results, mx.array) else results
    for i, a in enumerate(inputs):
        values[f"{name}.in{i}"] = a
    for i, a in enumerate(results):
        values[f"{name}.out{i}"] = a


for fun, *inputs in functions:
    mx.export_function(f"{fun.__name__}.mlxfn", fun, *inputs)
    store(fun.__name__, inputs, fun(*inputs))

mx.export_function("following.mlxfn", following, x, y, shapeless=True)
store("following", (numbers(3, 5), numbers(5)), following(numbers(3, 5), numbers(5)))

weight, bias = numbers(6, 3), numbers(3)
with mx.exporter("mlp.mlxfn", mlp, metadata="two batch sizes") as exporter:
    exporter(x, weight=weight, bias=bias)
    exporter(x[:1], weight=weight, bias=bias)
store("mlp", (x[:1], weight, bias), mlp(x[:1], weight=weight, bias=bias))

mx.save_safetensors("values.safetensors", values)
