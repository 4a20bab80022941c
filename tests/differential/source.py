"""Random inputs of calls, all from one seeded generator."""

import math

import numpy as np

import wire

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-40, -1e-40, 65504.0, 3e38,
           -3e38, 1e-7, 127.0, 2147483648.0]
LIMITS = {"float16": 4, "bfloat16": 30, "float32": 30, "float64": 200, "complex64": 12}


class Source:
    def __init__(self, rng):
        self.rng = rng

    def chance(self, probability):
        return self.rng.random() < probability

    def choose(self, options):
        return options[int(self.rng.integers(len(options)))]

    def integer(self, low, high):
        """From low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def dtype(self, dtypes=wire.DTYPES):
        if "float32" in dtypes and self.chance(0.3):
            return "float32"
        return self.choose(dtypes)

    # Shapes

    def size(self):
        draw = self.rng.random()
        if draw < 0.04:
            return 0
        if draw < 0.2:
            return 1
        return self.integer(2, 7) if draw < 0.97 else self.integer(8, 70)

    def shape(self, ndim=None, low=0, high=4):
        ndim = self.integer(low, high) if ndim is None else ndim
        if ndim and self.chance(0.03):  # long enough for several threads, blocks and vectors
            shape = [1] * ndim
            shape[self.integer(0, ndim - 1)] = self.integer(1000, 20000)
            return shape
        return [self.size() for _ in range(ndim)]

    def short_shape(self, high):
        """Without long axes: of an operand whose elements all meet all of another."""
        return [self.size() for _ in range(self.integer(0, high))]

    def full_shape(self, ndim=None, low=0, high=4):
        """Without empty axes."""
        return [max(size, 1) for size in self.shape(ndim, low, high)]

    def broadcast_shapes(self, count):
        """Shapes that broadcast with each other; now and then some that do not."""
        whole = self.shape(high=3)
        shapes = []
        for _ in range(count):
            shape = [1 if self.chance(0.2) else size for size in whole]
            while shape and self.chance(0.15):
                shape.pop(0)
            shapes.append(shape)
        if whole and self.chance(0.03):
            shapes[0] = shapes[0] + [3]
        return shapes

    def axis(self, ndim):
        """Of an array of so many axes; now and then not."""
        if self.chance(0.03):
            return self.choose([ndim, -ndim - 1, ndim + 3])
        return self.integer(-ndim, ndim - 1) if ndim else 0

    def axes(self, ndim):
        """Different ones, in any order; now and then a wrong one or one twice."""
        count = self.integer(0, ndim)
        axes = [int(a) - (ndim if self.chance(0.3) else 0)
                for a in self.rng.permutation(ndim)[:count]]
        if self.chance(0.03):
            axes.append(self.axis(ndim))
        return axes

    def axis_or_axes(self, ndim):
        """None, one, or several."""
        kind = self.integer(0, 2)
        return None if kind == 0 else self.axis(ndim) if kind == 1 else self.axes(ndim)

    # Values

    def integers_of(self, shape, dtype, values):
        info = np.iinfo(wire.STORAGE[dtype])
        if values in ("small", "normal", "unit", "positive") or self.chance(0.5):
            low = 0 if info.min == 0 or values == "positive" else -9
            return self.rng.integers(low, 10, shape)
        result = self.rng.integers(info.min, info.max, shape, dtype=wire.STORAGE[dtype], endpoint=True)
        ends = np.array([info.min, info.max, 0, 1, info.max - 1], wire.STORAGE[dtype])
        return np.where(self.rng.random(shape) < 0.3, self.rng.choice(ends, shape), result)

    def reals_of(self, shape, dtype, values):
        if values == "any":
            values = self.choose(["normal", "small", "wide", "special", "unit"])
        if values == "small":
            return self.rng.integers(-4, 5, shape).astype(np.float64)
        if values == "unit":
            return self.rng.uniform(-1, 1, shape)
        if values == "positive":
            return self.rng.uniform(0.1, 3, shape)
        if values == "wide":
            exponent = self.rng.uniform(-LIMITS[dtype], LIMITS[dtype], shape)
            return self.rng.choice([-1.0, 1.0], shape) * 10.0**exponent
        normal = self.rng.normal(size=shape)
        if values == "special":
            return np.where(self.rng.random(shape) < 0.4, self.rng.choice(SPECIAL, shape), normal)
        return normal

    def numbers(self, shape, dtype, values="any"):
        """Values: normal, small (integers), wide, special, unit, positive; any is one of them."""
        if dtype == "bool":
            return self.rng.random(shape) < 0.5
        if dtype in wire.INTEGERS:
            return self.integers_of(shape, dtype, values)
        if dtype == "complex64":
            result = np.empty(shape, np.complex64)  # assembled: 1j * inf has a NaN
            with np.errstate(all="ignore"):
                result.real = self.reals_of(shape, dtype, values)
                result.imag = self.reals_of(shape, dtype, values)
            return result
        return self.reals_of(shape, dtype, values)

    # Arrays

    def strided(self, size):
        """start, stop, step that select `size` elements, and how many there are."""
        if size == 0:
            return [0, 0, 1], self.integer(0, 3)
        step = self.choose([1, 1, 2, 3, -1, -1, -2])
        offset = self.integer(0, 2)
        span = (size - 1) * abs(step) + 1
        total = offset + span + self.integer(0, 2)
        if step > 0:
            return [offset, offset + span, step], total
        last = offset + span - 1
        return [last, offset - 1 if offset else None, step], total

    def views(self, shape):
        """A base shape and the views that make this shape of it."""
        views = []
        if shape and self.chance(0.1):
            views.append({"broadcast": list(shape)})
            shape = [1 if self.chance(0.5) else size for size in shape]
        if len(shape) > 1 and self.chance(0.5):
            perm = [int(p) for p in self.rng.permutation(len(shape))]
            views.append({"perm": perm})
            base = [0] * len(shape)
            for position, axis in enumerate(perm):
                base[axis] = shape[position]
            shape = base
        if shape and self.chance(0.5):
            steps, shape = zip(*(self.strided(size) for size in shape))
            views.append({"slice": list(steps)})
        return list(shape), views[::-1]

    def array(self, shape, dtype, values="any", plain=False):
        """Some are views, as an operation of a program before this one would leave them."""
        views = []
        if not plain and math.prod(shape) < 1000 and self.chance(0.35):
            shape, views = self.views(shape)
        return wire.Array(wire.to_storage(self.numbers(shape, dtype, values), dtype), dtype, views)

    def indices(self, shape, size, dtypes=("int32", "uint32", "int64", "uint8", "int8", "int16")):
        """Into an axis of `size`; those that can be are negative at times."""
        dtype = self.choose(list(dtypes))
        size = min(size, 127 if dtype in ("int8", "uint8") else size)
        low = -size if dtype in wire.SIGNED else 0
        numbers = self.rng.integers(low, max(size, low + 1), shape)
        return wire.Array(wire.to_storage(numbers, dtype), dtype)

    def key(self):
        return wire.Array(self.rng.integers(0, 2**32, 2, dtype=np.uint32), "uint32")
