"""What the driver and the oracle have in common: arrays, calls, and how they travel.

driver.cpp describes the format. A peer is a process that answers calls; one that dies or
does not answer in time is started again.
"""

import dataclasses
import json
import os
import select
import subprocess
import time

import numpy as np

# dtype -> the NumPy type of its bytes. NumPy has no bfloat16: its bits are kept in uint16.
STORAGE = {
    "bool": np.bool_, "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32,
    "uint64": np.uint64, "int8": np.int8, "int16": np.int16, "int32": np.int32,
    "int64": np.int64, "float16": np.float16, "float32": np.float32, "float64": np.float64,
    "bfloat16": np.uint16, "complex64": np.complex64,
}
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
SIGNED = ["int8", "int16", "int32", "int64"]
INTEGERS = UNSIGNED + SIGNED
FLOATS = ["float16", "float32", "float64", "bfloat16"]
REALS = ["bool"] + INTEGERS + FLOATS
DTYPES = REALS + ["complex64"]
# Distance from 1 to the next number.
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52,
           "complex64": 2.0**-23}
# The smallest normal number.
TINY = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022,
        "complex64": 2.0**-126}


def to_bfloat16(values):
    """The bits of float32 values, rounded to nearest even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = ((bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded).reshape(np.shape(values))


def from_bfloat16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32).reshape(bits.shape)


def to_storage(values, dtype):
    with np.errstate(all="ignore"):
        if dtype == "bfloat16":
            return to_bfloat16(np.asarray(values, np.float32))
        return np.asarray(values).astype(STORAGE[dtype])


def to_values(storage, dtype):
    """Numbers that NumPy can compute with."""
    return from_bfloat16(storage) if dtype == "bfloat16" else storage


def apply_view(storage, view):
    if "perm" in view:
        return storage.transpose(view["perm"])
    if "broadcast" in view:
        return np.broadcast_to(storage, view["broadcast"])
    return storage[tuple(slice(*steps) for steps in view["slice"])]


@dataclasses.dataclass
class Array:
    """Bytes and the views through which the operation sees them."""
    base: np.ndarray
    dtype: str
    views: list = dataclasses.field(default_factory=list)

    @property
    def storage(self):
        seen = self.base
        for view in self.views:
            seen = apply_view(seen, view)
        return seen

    @property
    def values(self):
        return to_values(self.storage, self.dtype)

    @property
    def shape(self):
        return self.storage.shape

    def describe(self):
        views = "".join(f" {name}{value}" for view in self.views for name, value in view.items())
        return f"{self.dtype}{list(self.base.shape)}{views}"


@dataclasses.dataclass
class Call:
    op: str
    arrays: list
    args: dict = dataclasses.field(default_factory=dict)
    positional: int = None  # arrays from here on are named in args
    transform: dict = None

    def __post_init__(self):
        if self.positional is None:
            self.positional = len(self.arrays)

    def name_array(self, name, array):
        """Adds an array that is an argument of this name."""
        self.args[name] = {"array": len(self.arrays)}
        self.arrays.append(array)

    def named(self, name):
        return self.arrays[self.args[name]["array"]]

    def encode(self):
        request = {"op": self.op, "positional": self.positional, "args": self.args,
                   "arrays": [{"shape": a.base.shape, "dtype": a.dtype, "views": a.views}
                              for a in self.arrays]}
        if self.transform:
            request["transform"] = self.transform
        return (json.dumps(request) + "\n").encode() + b"".join(
            np.ascontiguousarray(a.base).tobytes() for a in self.arrays)

    def describe(self):
        arguments = [a.describe() for a in self.arrays] + [f"{k}={v}" for k, v in self.args.items()]
        text = f"{self.op}({', '.join(arguments)})"
        return f"{self.transform['kind']} {self.transform} of {text}" if self.transform else text


@dataclasses.dataclass
class Answer:
    outputs: list = None  # of Array
    error: str = None  # ValueError, IndexError, RuntimeError, ...; crash; hang
    text: str = ""

    def describe(self):
        if self.error:
            return f"{self.error}: {self.text}"
        return ", ".join(o.describe() for o in self.outputs)


def read_arrays(descriptions, read):
    """Arrays from their descriptions and read(count) -> bytes."""
    arrays = []
    for description in descriptions:
        dtype = description["dtype"]
        size = int(np.prod(description["shape"], dtype=np.int64))
        data = read(size * np.dtype(STORAGE[dtype]).itemsize)
        base = np.frombuffer(data, STORAGE[dtype]).reshape(description["shape"])
        arrays.append(Array(base, dtype, description.get("views", [])))
    return arrays


def encode_answer(outputs):
    header = {"outputs": [{"shape": o.base.shape, "dtype": o.dtype} for o in outputs]}
    return (json.dumps(header) + "\n").encode() + b"".join(
        np.ascontiguousarray(o.base).tobytes() for o in outputs)


class Peer:
    """A process that answers calls. `limit`: seconds for one call."""

    def __init__(self, command, limit, threads):
        self.command = command
        self.limit = limit
        self.env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads),
                        OMP_WAIT_POLICY="passive")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=self.env, bufsize=0)
        self.buffer = bytearray()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def ask(self, call):
        if self.process is None:
            self.start()
        self.deadline = time.monotonic() + self.limit
        try:
            self.send(call.encode())
            header = json.loads(self.read_line())
            if "error" in header:
                return Answer(error=header["error"], text=header["text"])
            return Answer(outputs=read_arrays(header["outputs"], self.read))
        except (EOFError, BrokenPipeError):
            code = self.process.wait()
            self.stop()
            return Answer(error="crash", text=f"exit status {code}")
        except TimeoutError:
            self.stop()
            return Answer(error="hang", text=f"no answer in {self.limit} s")

    def send(self, data):
        # A peer reads a whole request before it answers, so this does not block for long.
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view):]

    def fill(self):
        ready, _, _ = select.select([self.process.stdout], [], [],
                                    max(0, self.deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        data = os.read(self.process.stdout.fileno(), 1 << 20)
        if not data:
            raise EOFError
        self.buffer += data

    def read_line(self):
        while b"\n" not in self.buffer:
            self.fill()
        return self.take(self.buffer.index(b"\n") + 1)

    def read(self, count):
        while len(self.buffer) < count:
            self.fill()
        return self.take(count)

    def take(self, count):
        data = bytes(memoryview(self.buffer)[:count])
        del self.buffer[:count]
        return data
