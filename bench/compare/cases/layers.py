"""What neural networks are made of: softmax, norms, attention, convolutions."""

from . import Case, short

DTYPES = ("float32", "bfloat16", "float16")

# Debian's PyTorch is older than its scaled_dot_product_attention.
ATTENTION = """
import math
if hasattr(F, "scaled_dot_product_attention"):
    attend = lambda q, k, v, causal: F.scaled_dot_product_attention(q, k, v, is_causal=causal)
else:
    hidden = torch.ones(a.shape[2], b.shape[2], dtype=torch.bool).triu(1)
    def attend(q, k, v, causal):
        scores = (q @ k.transpose(-1, -2)) * (1 / math.sqrt(q.shape[-1]))
        if causal:
            scores = scores.masked_fill(hidden, -math.inf)
        return torch.softmax(scores, -1) @ v
"""
RMS_NORM = """
if hasattr(F, "rms_norm"):
    norm = lambda x, w: F.rms_norm(x, w.shape, w, 1e-5)
else:
    norm = lambda x, w: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * w
"""


def attention(name, ours, queries, keys, dtype="float32"):
    q, k = f"{dtype}:{queries}:normal", f"{dtype}:{keys}:normal"
    causal = ours == "attention"
    mask = ', mask="causal"' if causal else ""
    return Case(f"{name}{short(dtype)}", ours, f"{q} {k} {k}",
                f"mx.fast.scaled_dot_product_attention(a, b, c, scale=a.shape[-1] ** -0.5{mask})",
                f"attend(a, b, c, {causal})", torch_first=ATTENTION)


def conv(name, ours, size, weight, options="", torch_options="", dtype="float32", transposed=False):
    """Channels are last for ours and mlx, first for PyTorch."""
    spatial = size.count("x") - 1
    function = f"conv{'_transpose' if transposed else ''}{spatial}d"
    axes = (0, spatial + 1, *range(1, spatial + 1))
    swapped = (axes[1], axes[0], *axes[2:]) if transposed else axes
    first = f"a = a.permute{axes}.contiguous(); b = b.permute{swapped}.contiguous()"
    return Case(f"{name}{short(dtype)}", ours, f"{dtype}:{size}:normal {dtype}:{weight}:normal",
                f"mx.{function}(a, b{options})", f"F.{function}(a, b{torch_options or options})",
                torch_first=first)


def norm(name, shape, dtype="float32"):
    size = shape.rpartition("x")[2]
    inputs = f"{dtype}:{shape}:normal {dtype}:{size}:normal"
    if name == "rms_norm":
        return Case(f"rms_norm {shape}{short(dtype)}", name, inputs, "mx.fast.rms_norm(a, b, 1e-5)",
                    "norm(a, b)", torch_first=RMS_NORM)
    return Case(f"layer_norm {shape}{short(dtype)}", name, f"{inputs} {dtype}:{size}:normal",
                "mx.fast.layer_norm(a, b, c, 1e-5)", "F.layer_norm(a, b.shape, b, c, 1e-5)")


def cases():
    rows = []
    for dtype in DTYPES:
        rows += [Case(f"softmax axis {axis}{short(dtype)}", f"softmax_{axis}",
                      f"{dtype}:2048x2048:normal", f"mx.softmax(a, axis={axis})",
                      f"torch.softmax(a, {axis})") for axis in (0, 1)]
        rows += [norm("rms_norm", "4096x1024", dtype), norm("layer_norm", "4096x1024", dtype)]
    rows.append(Case("softmax 4096x4096", "softmax_1", "float32:4096x4096:normal",
                     "mx.softmax(a, axis=1)", "torch.softmax(a, 1)"))
    rows += [norm("rms_norm", "8000x4096"), norm("layer_norm", "8000x4096")]
    rows.append(Case("rope", "rope", "float32:1x32x1024x128:normal",
                     "mx.fast.rope(a, 128, traditional=False, base=10000.0, scale=1.0, offset=0)",
                     "rope(a)", torch_first=ROPE))
    rows += [attention("attention (1, 16, 512, 64)", "attention", "1x16x512x64", "1x16x512x64", dtype)
             for dtype in DTYPES]
    rows.append(attention("attention (1, 32, 2048, 128)", "attention", "1x32x2048x128",
                          "1x32x2048x128"))
    rows.append(attention("attention, 1 query, 2048 keys", "attention_decode", "1x32x1x128",
                          "1x32x2048x128"))
    rows += [conv("conv2d 3x3", "conv2d", "8x64x64x64", "64x3x3x64", ", padding=1", dtype=dtype)
             for dtype in DTYPES]
    return rows + [
        conv("conv1d 3", "conv1d", "8x1024x128", "128x3x128", ", padding=1"),
        conv("conv2d 1x1", "conv2d_pointwise", "8x64x64x64", "64x1x1x64"),
        conv("conv2d 3x3, stride 2", "conv2d_strided", "8x64x64x64", "64x3x3x64",
             ", stride=2, padding=1"),
        conv("conv2d 3x3 depthwise", "conv2d_depthwise", "8x64x64x64", "64x3x3x1",
             ", padding=1, groups=64"),
        conv("conv2d 3x3 transposed", "conv_transpose2d", "8x32x32x64", "64x3x3x64",
             ", stride=2, padding=1", transposed=True),
    ]


ROPE = """
frequencies = 10000.0 ** (-torch.arange(0, 64).float() / 64)
angles = torch.arange(a.shape[2]).float()[:, None] * frequencies
cos, sin = angles.cos(), angles.sin()
def rope(x):
    left, right = x.chunk(2, -1)
    return torch.cat([left * cos - right * sin, left * sin + right * cos], -1)
"""
