#!/usr/bin/env python3
"""Writes the seeds of the fuzzers of files of arrays: tests/fuzz/corpus/{npy,npz,safetensors,gguf}.

Small files, valid and hostile, by the formats' specifications and without any library for them.
"""

import json
import pathlib
import struct
import zlib

CORPUS = pathlib.Path(__file__).parent / "corpus"


def npy(descr, shape, data, fortran=False, version=1, tail=", }"):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}{tail}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


NPY = {
    "float32": npy("<f4", "(2, 3)", struct.pack("<6f", *range(6))),
    "big_endian": npy(">i8", "(2,)", struct.pack(">2q", -1, 5)),
    "complex_big": npy(">c8", "()", struct.pack(">2f", 1, 2)),
    "column_major": npy("|u1", "(2, 3)", bytes(range(6)), fortran=True),
    "bools": npy("|b1", "(3,)", b"\0\1\xff"),
    "bfloat16": npy("<V2", "(2,)", b"\x80\x3f\0\0"),
    "half": npy("<f2", "(1, 2)", b"\0\x3c\0\0"),
    "empty": npy("<f8", "(0, 3)", b""),
    "version2": npy("<i2", "(2L,)", b"abcd", version=2),
    "version3": npy("<u4", "(1,)", b"abcd", version=3),
    "too_large": npy("<f4", "(4294967296, 4294967296)", b"1234"),
    "empty_but_large": npy("<f4", "(0, 4611686018427387904, 4611686018427387904)", b""),
    "structured": npy("[('a', '<f4')]", "(1,)", b"1234"),
    "negative": npy("<f4", "(-1,)", b"1234"),
    "header_over_end": b"\x93NUMPY\2\0\xff\xff\xff\xff{}",
}


def deflated(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def archive(members, deflate=False, size=None, is64=False):
    """members: (name, bytes); size: what each entry of the directory claims instead of the truth."""
    body = directory = b""
    for name, data in members:
        name = name.encode()
        stored = deflated(data) if deflate else data
        claimed = len(data) if size is None else size
        extra = struct.pack("<HHQQ", 1, 16, claimed, len(stored)) if is64 else b""
        sizes = (0xFFFFFFFF,) * 2 if is64 else (len(stored), claimed)
        common = struct.pack("<HHHHHIIIHH", 45, 0, 8 if deflate else 0, 0, 0x21, zlib.crc32(data), *sizes,
                             len(name), len(extra))
        directory += b"PK\1\2" + struct.pack("<H", 45) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name + extra
        body += b"PK\3\4" + common + name + extra + stored
    count, begin = len(members), len(body)
    if is64:
        directory64 = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), begin)
        end = b"PK\6\6" + directory64 + b"PK\6\7" + struct.pack("<IQI", 0, begin + len(directory), 1)
        end += b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    else:
        end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), begin, 0)
    return body + directory + end


PAIR = [("a.npy", NPY["float32"]), ("b.npy", NPY["column_major"])]
NPZ = {
    "stored": archive(PAIR),
    "deflated": archive(PAIR, deflate=True),
    "stored64": archive(PAIR, is64=True),
    "deflated64": archive(PAIR, deflate=True, is64=True),
    "none": archive([]),
    "twice": archive(PAIR[:1] * 2),
    "no_array": archive([("note.txt", b"text")]),
    "bomb": archive([("z.npy", npy("<f4", "(10000,)", bytes(40000)))], deflate=True),
    "claims_more": archive(PAIR, deflate=True, size=1 << 20),
    "claims_2_60": archive(PAIR, deflate=True, size=1 << 60, is64=True),
    "comment": archive(PAIR[:1])[:-2] + b"\4\0note",
}


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


SAFETENSORS = {
    "two": safetensors({"w": tensor("F32", [2], 0, 8), "b": tensor("BOOL", [3], 8, 11)}, bytes(range(11))),
    "metadata": safetensors({"__metadata__": {"format": "pt"}, "x": tensor("BF16", [], 0, 2)}, b"\x80\x3f"),
    "null_metadata": safetensors({"__metadata__": None}),
    "eight_bits": safetensors({"x": tensor("F8_E4M3", [2], 0, 2)}, b"12"),
    "wide": safetensors({"c": tensor("C64", [1], 0, 8), "d": tensor("F64", [1], 8, 16)}, bytes(16)),
    "empty": safetensors({"x": tensor("F16", [0, 5], 0, 0)}),
    "empty_but_large": safetensors({"x": tensor("F16", [0, 1 << 62, 1 << 62], 0, 0)}),
    "overlap": safetensors({"x": tensor("U8", [2], 0, 2), "y": tensor("U8", [2], 1, 3)}, b"123"),
    "past_the_end": safetensors({"x": tensor("U8", [9], 0, 9)}, b"123"),
    "product_over_64_bits": safetensors({"x": tensor("U8", [1 << 32, 1 << 32, 2], 0, 2)}, b"12"),
    "deep": safetensors(b'{"a":' * 50 + b"[" * 50),
    "header_over_end": struct.pack("<Q", 1 << 40) + b"{}",
    "escapes": safetensors(b'{"\\u00b5\\n":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}', b"1"),
}


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(tensors, metadata=(), version=3, alignment=32, counts=None):
    """tensors: (name, shape, type, offset); the data are as many bytes as make every one fit."""
    out = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), len(metadata))))
    for key, kind, value in metadata:
        out += text(key) + struct.pack("<I", kind) + value
    for name, shape, kind, offset in tensors:
        out += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
    return out + bytes(-len(out) % alignment) + bytes(i * 37 % 61 for i in range(320))


NUMBERS = [(0, "B"), (1, "b"), (2, "H"), (3, "h"), (4, "I"), (5, "i"), (6, "f"), (7, "?"), (10, "Q"), (11, "q"), (12, "d")]
BLOCKS = [(2, 32), (3, 32), (6, 32), (7, 32), (8, 32)] + [(k, 256) for k in range(10, 16)]
GGUF = {
    "plain": gguf([("a", (2, 3), 0, 0), ("b", (4,), 30, 32)]),
    "metadata": gguf([], [(f, k, struct.pack("<" + f, 1)) for k, f in NUMBERS] + [("s", 8, text("µ"))]),
    "lists": gguf([], [(f, 9, struct.pack("<IQ2" + f, k, 2, 1, 0)) for k, f in NUMBERS]
                  + [("s", 9, struct.pack("<IQ", 8, 2) + text("a") + text(""))]),
    "aligned_to_8": gguf([("a", (1,), 0, 0), ("b", (1,), 27, 8)],
                         [("general.alignment", 4, struct.pack("<I", 8))], alignment=8),
    "aligned_to_0": gguf([], [("general.alignment", 4, struct.pack("<I", 0))]),
    "version2": gguf([("a", (1,), 24, 0)], version=2),
    "overlap": gguf([("a", (8,), 0, 0), ("b", (8,), 0, 16)]),
    "empty_but_large": gguf([("a", (1 << 62, 1 << 62, 0), 0, 0)]),
    "product_over_64_bits": gguf([("a", (1 << 32, 1 << 32, 2), 0, 0)]),
    "empty_past_the_end": gguf([("a", (8, 0, 0), 0, 0)])[:85],
    "many": gguf([], counts=(1 << 60, 0)),
    "many_pairs": gguf([], counts=(0, 1 << 60)),
    "long_list": gguf([], [("k", 9, struct.pack("<IQ", 4, 1 << 61))]),
    "list_of_lists": gguf([], [("k", 9, struct.pack("<IQIQ", 9, 1, 4, 0))]),
    **{f"blocks_{kind}": gguf([("x.weight", (size,), kind, 0)]) for kind, size in BLOCKS},
}

for what, files in {"npy": NPY, "npz": NPZ, "safetensors": SAFETENSORS, "gguf": GGUF}.items():
    (CORPUS / what).mkdir(exist_ok=True)
    for name, data in files.items():
        (CORPUS / what / name).write_bytes(data)
