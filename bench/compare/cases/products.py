"""Matrix products, also with packed matrices."""

from . import Case, short

SIZES = (64, 128, 256, 512, 1024, 2048, 4096)


def matmul(size, dtype):
    index = SIZES.index(size)
    return Case(f"matmul {size}{short(dtype)}", "matmul", " ".join([f"{dtype}:{size}x{size}:normal"] * 2),
                "a @ b", "a @ b", after=f"matmul {SIZES[index - 1]}{short(dtype)}" if index else "",
                growth=8)


def quantized(bits, rows):
    # Debian's PyTorch has no products with packed matrices: the float32 one that they replace.
    return Case(f"quantized_matmul {bits} bits, {rows} rows", f"quantized_matmul_{bits}",
                f"float32:{rows}x4096:normal float32:4096x4096:quantized={bits}",
                f"mx.quantized_matmul(a, b, c, d, transpose=True, group_size=64, bits={bits})",
                "F.linear(a, b)")


def yardstick(name, count, inputs):
    return Case(name, name, " ".join([f"float32:{count}:normal"] * inputs), "", "", counts=False)


def cases():
    rows = [matmul(size, dtype) for dtype in ("float32", "bfloat16", "float16") for size in SIZES]
    rows += [quantized(bits, count) for bits in (4, 8) for count in (1, 8, 32, 512)]
    big = "float32:1024x1024:normal"
    rows += [
        Case("matmul 1024, b transposed", "matmul_transposed", f"{big} {big}", "a @ b.T", "a @ b.T"),
        Case("matmul batch 256 of 32", "matmul",
             "float32:256x32x32:normal float32:256x32x32:normal", "a @ b", "a @ b"),
        Case("matrix times vector, 4096", "matmul", "float32:4096x4096:normal float32:4096:normal",
             "a @ b", "a @ b"),
        Case("vector times matrix, 4096", "matmul", "float32:4096:normal float32:4096x4096:normal",
             "a @ b", "a @ b"),
        Case("addmm 1024", "addmm", f"float32:1024:normal {big} {big}", "mx.addmm(a, b, c)",
             "torch.addmm(a, b, c)"),
        Case("einsum bqhd,bkhd->bhqk", "einsum",
             "float32:4x256x8x64:normal float32:4x256x8x64:normal",
             'mx.einsum("bqhd,bkhd->bhqk", a, b)', 'torch.einsum("bqhd,bkhd->bhqk", a, b)'),
    ]
    # What the machine can do at best. yard_read_packed reads as many bytes as a 4-bit row does:
    # words, scales and biases of a 4096 x 4096 matrix in groups of 64.
    rows += [yardstick("yard_add", 1 << 24, 3), yardstick("yard_add_nt", 1 << 24, 3),
             yardstick("yard_copy", 1 << 24, 2), yardstick("yard_sum", 1 << 24, 1)]
    rows.append(Case("yard_read_packed", "yard_sum", f"float32:{(10 << 20) // 4}:normal", "", "",
                     counts=False))
    rows += [Case(f"yard_blas {n}", "yard_blas", " ".join([f"float32:{n}x{n}:normal"] * 3), "", "",
                  counts=False) for n in (1024, 2048)]
    return rows
