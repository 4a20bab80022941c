"""Transforms of data, random numbers, factorizations, and many small operations."""

from . import Case

SQUARE = "float32:512x512:normal"
SYMMETRIC = "a = (a + a.T) / 2"

STEPS = """
def steps(count):
    def run(x):
        y = x
        for _ in range(count // 2):
            y = (y + x) * 0.5
        return y
    return run
"""
MLP = [(256, 784), (256,), (784, 1024), (1024,), (1024, 1024), (1024,), (1024, 10), (10,)]
MLX_MLP = """
def loss(p, x, y):
    h = mx.maximum(mx.addmm(p[1], x, p[0]), 0)
    h = mx.maximum(mx.addmm(p[3], h, p[2]), 0)
    logits = mx.addmm(p[5], h, p[4])
    picked = mx.take_along_axis(logits, y[:, None], -1).squeeze(-1)
    return mx.mean(mx.logsumexp(logits, -1) - picked)
gradient = mx.value_and_grad(loss)
def step(x, y, *params):
    value, grads = gradient(list(params), x, y)
    return [value] + [p - 0.01 * g for p, g in zip(params, grads)]
"""
TORCH_MLP = """
b = b.long()
params = [p.requires_grad_() for p in (c, d, e, f, g, h)]
def step(x, y):
    with torch.enable_grad():
        hidden = torch.relu(torch.addmm(params[1], x, params[0]))
        hidden = torch.relu(torch.addmm(params[3], hidden, params[2]))
        logits = torch.addmm(params[5], hidden, params[4])
        value = F.cross_entropy(logits, y)
        grads = torch.autograd.grad(value, params)
    return [value] + [p - 0.01 * g for p, g in zip(params, grads)]
"""


def compiled(count):
    return Case(f"compiled, {count} small operations", f"compiled_{count}", "float32:100:normal",
                "run(a)", "run(a)", mlx_first=f"{STEPS}\nrun = mx.compile(steps({count}))",
                torch_first=f"{STEPS}\nrun = torch.jit.trace(steps({count}), a)")


def cases():
    mlp = " ".join([f"float32:{'x'.join(map(str, shape))}:uniform=-0.05,0.05" for shape in MLP])
    mlp = mlp.replace("float32:256:uniform=-0.05,0.05", "int32:256:below=10", 1)
    cpu = "stream=mx.cpu"
    return [
        Case("fft 2^20", "fft", f"complex64:{1 << 20}:normal", "mx.fft.fft(a)", "torch.fft.fft(a)"),
        Case("fft 1000x1000", "fft2", "complex64:1000x1000:normal", "mx.fft.fft2(a)",
             "torch.fft.fft2(a)"),
        Case("fft 4096 of 256", "fft", "complex64:4096x256:normal", "mx.fft.fft(a)",
             "torch.fft.fft(a)"),
        Case("rfft 2^20", "rfft", f"float32:{1 << 20}:normal", "mx.fft.rfft(a)", "torch.fft.rfft(a)"),
        Case("random normal 1M", "normal", "float32:1000000:normal", "mx.random.normal(a.shape)",
             "torch.randn(a.shape)"),
        Case("random uniform 1M", "uniform", "float32:1000000:normal", "mx.random.uniform(shape=a.shape)",
             "torch.rand(a.shape)"),
        Case("random randint 1M", "randint", "float32:1000000:normal",
             "mx.random.randint(0, 1000, a.shape)", "torch.randint(0, 1000, a.shape)"),
        Case("random bernoulli 1M", "bernoulli", "float32:1000000:normal",
             "mx.random.bernoulli(0.5, a.shape)", "torch.bernoulli(torch.full(a.shape, 0.5))"),
        Case("random categorical", "categorical", "float32:1024x1000:normal",
             "mx.random.categorical(a)",
             "torch.multinomial(torch.softmax(a, -1), 1)"),
        Case("random permutation 1M", "permutation", "float32:1000000:normal",
             "mx.random.permutation(a)", "a[torch.randperm(a.shape[0])]"),
        Case("eigh 512", "eigh", SQUARE, f"mx.linalg.eigh(a, {cpu})", "torch.linalg.eigh(a)",
             SYMMETRIC, SYMMETRIC),
        Case("svd 512", "svd", SQUARE, f"mx.linalg.svd(a, {cpu})", "torch.linalg.svd(a)"),
        Case("qr 512", "qr", SQUARE, f"mx.linalg.qr(a, {cpu})", "torch.linalg.qr(a)"),
        Case("inv 512", "inv", SQUARE, f"mx.linalg.inv(a, {cpu})", "torch.linalg.inv(a)"),
        Case("solve 512", "solve", f"{SQUARE} {SQUARE}", f"mx.linalg.solve(a, b, {cpu})",
             "torch.linalg.solve(a, b)"),
        Case("cholesky of a a' + 512 I", "cholesky", SQUARE,
             f"mx.linalg.cholesky(a @ a.T + 512 * mx.eye(512), {cpu})",
             "torch.linalg.cholesky(a @ a.T + 512 * torch.eye(512))"),
        compiled(10),
        compiled(100),
        Case("MLP training step", "mlp_step", mlp, "step(a, b, c, d, e, f, g, h)", "step(a, b)",
             mlx_first=MLX_MLP, torch_first=TORCH_MLP),
    ]
