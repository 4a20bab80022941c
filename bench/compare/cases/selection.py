"""Sorting, gathering, scattering and copying."""

from . import Case

MANY = "float32:1000000:normal"
MATRIX = "float32:2048x2048:normal"
ROWS = "int32:100000:below=10000"
# An assignment changes its array: a copy, so that each call does the same.
PUT = """
def put(a, b, c):
    x = a + 0
    x[b] = c
    return x
"""


def cases():
    return [
        Case("sort 1M", "sort", MANY, "mx.sort(a)", "torch.sort(a).values"),
        Case("sort 1M i32", "sort", "int32:1000000:below=1000000000", "mx.sort(a)",
             "torch.sort(a).values"),
        Case("sort axis 1", "sort", MATRIX, "mx.sort(a, axis=1)", "torch.sort(a, 1).values"),
        Case("sort axis 0", "sort_0", MATRIX, "mx.sort(a, axis=0)", "torch.sort(a, 0).values"),
        Case("sort 1000", "sort", "float32:1000:normal", "mx.sort(a)", "torch.sort(a).values"),
        Case("argsort 1M", "argsort", MANY, "mx.argsort(a)", "torch.argsort(a)"),
        Case("argsort axis 1", "argsort", MATRIX, "mx.argsort(a, axis=1)", "torch.argsort(a, 1)"),
        Case("topk 100", "topk", MATRIX, "mx.topk(a, 100, axis=1)", "torch.topk(a, 100).values"),
        Case("searchsorted 1M in 1M, sorted first", "searchsorted", f"{MANY} {MANY}",
             "mx.searchsorted(mx.sort(a), b)", "torch.searchsorted(torch.sort(a).values, b)"),
        Case("take rows", "take", f"float32:10000x128:normal {ROWS}", "mx.take(a, b, axis=0)",
             "torch.index_select(a, 0, b)"),
        Case("take elements", "take", f"{MANY} int32:1000000:below=1000000", "mx.take(a, b, axis=0)",
             "torch.index_select(a, 0, b)"),
        Case("take columns", "take_columns", f"{MATRIX} int32:2048:below=2048",
             "mx.take(a, b, axis=1)", "torch.index_select(a, 1, b)"),
        *(Case(f"take_along_axis {axis}", f"take_along_axis_{axis}",
               f"{MATRIX} int32:2048x2048:below=2048", f"mx.take_along_axis(a, b, {axis})",
               f"torch.gather(a, {axis}, b)", torch_first="b = b.long()") for axis in (0, 1)),
        Case("put_along_axis", "put_along_axis_1",
             f"{MATRIX} int32:2048x256:below=2048 float32:2048x256:normal",
             "mx.put_along_axis(a, b, c, 1)", "torch.scatter(a, 1, b, c)",
             torch_first="b = b.long()"),
        Case("scatter rows", "scatter", f"float32:10000x128:normal {ROWS} float32:100000x128:normal",
             "put(a, b, c)", "torch.index_copy(a, 0, b, c)", mlx_first=PUT,
             torch_first="b = b.long()"),
        Case("scatter_add rows", "scatter_add",
             f"float32:10000x128:normal {ROWS} float32:100000x128:normal", "a.at[b].add(c)",
             "torch.index_add(a, 0, b, c)"),
        Case("masked_scatter", "masked_scatter", "float32:1048576:normal bool:1048576:below=2 "
             "float32:1048576:normal", "put(a, b, c)", "torch.masked_scatter(a, b, c)",
             mlx_first=PUT),
        Case("concatenate axis 0", "concatenate", f"{MATRIX} {MATRIX}", "mx.concatenate([a, b], 0)",
             "torch.cat([a, b], 0)"),
        Case("concatenate axis 1", "concatenate_1", f"{MATRIX} {MATRIX}",
             "mx.concatenate([a, b], 1)", "torch.cat([a, b], 1)"),
        Case("stack last axis", "stack", f"{MATRIX} {MATRIX}", "mx.stack([a, b], -1)",
             "torch.stack([a, b], -1)"),
        Case("pad", "pad", MATRIX, "mx.pad(a, 1)", "F.pad(a, (1, 1, 1, 1))"),
        Case("transpose copy", "transpose_copy", MATRIX, "mx.contiguous(a.T)", "a.T.contiguous()"),
        Case("roll", "roll", MATRIX, "mx.roll(a, 100, 1)", "torch.roll(a, 100, 1)"),
        Case("repeat", "repeat", "float32:1024x1024:normal", "mx.repeat(a, 4, 1)",
             "torch.repeat_interleave(a, 4, 1)"),
        Case("tile", "tile", "float32:1024x1024:normal", "mx.tile(a, (2, 2))", "a.repeat(2, 2)"),
        Case("tril", "tril", MATRIX, "mx.tril(a)", "torch.tril(a)"),
    ]
