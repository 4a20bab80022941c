"""What the figures say: the table, the summary, the targets, the plot."""

import math
import subprocess
from dataclasses import dataclass

from cases import all_cases

LOWEST = 0.8  # of the speed of the better peer, for each line
STREAM_BYTES = 64 << 20


@dataclass
class Row:
    case: object
    ours: float
    mlx: float
    torch: float

    @property
    def speed(self):
        """How many times as fast as the better peer; infinite if there is none."""
        peers = [time for time in (self.mlx, self.torch) if time]
        return min(peers) / self.ours if peers else math.inf


def rows(figures):
    """One for each measured case that counts, the slowest beside its peers first."""
    measured = [Row(case, *(figures[case.name].get(name) for name in ("ours", "mlx", "torch")))
                for case in all_cases() if case.counts and case.name in figures]
    return sorted((row for row in measured if row.ours), key=lambda row: row.speed)


def time_text(ms):
    if not ms:
        return "-"
    for factor, unit in ((1e-3, "s"), (1, "ms")):
        if ms * factor >= 1:
            return f"{ms * factor:.3g} {unit}"
    return f"{ms * 1e3:.3g} us"


def ratio_text(peer, ours):
    return f"{peer / ours:.2f}" if peer else "-"


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def streaming(figures):
    """Milliseconds for 64 MiB by the fastest of the plain loops, if they were measured."""
    return min((figures[case]["ours"] / share for case, share in
                (("yard_add", 3), ("yard_add_nt", 3), ("yard_copy", 2), ("yard_sum", 1))
                if case in figures), default=None)


def targets(figures):
    """The project's targets for single lines: (what, value, comparison, bound)."""
    def time(case, system="ours"):
        return figures.get(case, {}).get(system)

    found = []

    def target(what, numerator, denominator, sign, bound):
        if numerator and denominator:
            found.append((what, numerator / denominator, sign, bound))

    stream = streaming(figures)
    if stream:
        target("a + b, share of streaming rate", 3 * stream, time("add 16M"), ">=", 0.8)
        target("sum, share of streaming rate", stream, time("sum 16M"), ">=", 0.7)
    target("4-bit row, share of reading rate", time("yard_read_packed"),
           time("quantized_matmul 4 bits, 1 rows"), ">=", 0.7)
    adds = "10,000 scalar adds"
    target("scalar add, ours / mlx", time(adds), time(adds, "mlx"), "<=", 0.2)
    target("scalar add, ours / torch", time(adds), time(adds, "torch"), "<=", 1)
    for case in ("exp 16M", "gelu, (8, 1000, 4096)", "softmax 4096x4096"):
        target(f"{case}, mlx / ours", time(case, "mlx"), time(case), ">=", 8)
    for n in (1024, 2048):
        target(f"matmul {n}, ours / OpenBLAS", time(f"matmul {n}"), time(f"yard_blas {n}"),
               "<=", 1.05)
        target(f"bf16 matmul {n}, torch / ours", time(f"matmul {n} bf16", "torch"),
               time(f"matmul {n} bf16"), ">=", 0.9)
    target("MLP step, mlx / ours", time("MLP training step", "mlx"), time("MLP training step"),
           ">=", 1.3)
    return found


def text(table, figures):
    lines = [f"{'':44} {'ours':>9} {'mlx':>9} {'torch':>9} {'mlx/ours':>9} {'torch/ours':>10}"
             f" {'speed':>6}"]
    for row in table:
        lines.append(f"{row.case.name:44} {time_text(row.ours):>9} {time_text(row.mlx):>9} "
                     f"{time_text(row.torch):>9} {ratio_text(row.mlx, row.ours):>9} "
                     f"{ratio_text(row.torch, row.ours):>10} {row.speed:6.2f}"
                     f"{'  SLOW' if row.speed < LOWEST else ''}")
    lines += ["", *summary(table), ""]
    if streaming(figures):
        lines.append(f"best streaming rate: {STREAM_BYTES / streaming(figures) / 1e6:.1f} GB/s")
    for what, value, sign, bound in targets(figures):
        met = value <= bound if sign == "<=" else value >= bound
        lines.append(f"{what:36} {value:8.3f}  {sign} {bound:<5} {'met' if met else 'MISSED'}")
    return "\n".join(lines)


def summary(table):
    """Geometric means over the lines that a peer has, all and by family."""
    def means(what, part):
        mlx = [row.mlx / row.ours for row in part if row.mlx]
        torch = [row.torch / row.ours for row in part if row.torch]
        slow = sum(row.speed < LOWEST for row in part)
        return (f"{what:14} {len(part):4} lines: {geometric_mean(mlx):6.2f}x mlx, "
                f"{geometric_mean(torch):5.2f}x PyTorch, {slow} below {LOWEST}x the better")

    families = dict.fromkeys(row.case.family for row in table)
    return [means("all", table)] + [
        means(family, [row for row in table if row.case.family == family]) for family in families]


def markdown(table):
    """A table for each family, in the order of the cases."""
    lines = []
    order = {case.name: number for number, case in enumerate(all_cases())}
    for family in dict.fromkeys(case.family for case in all_cases()):
        part = sorted((row for row in table if row.case.family == family),
                      key=lambda row: order[row.case.name])
        if not part:
            continue
        lines += [f"### {family.capitalize()}", "",
                  "| | ours | mlx | PyTorch | ours is faster than mlx by | than PyTorch by |",
                  "|---|---|---|---|---|---|"]
        for row in part:
            cells = [row.case.name, *map(time_text, (row.ours, row.mlx, row.torch)),
                     ratio_text(row.mlx, row.ours), ratio_text(row.torch, row.ours)]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def plot(table, program, path):
    """Bars of our time over the better peer's, drawn by our program."""
    bars = "".join(f"{1 / row.speed:.6g} {row.case.name}\n" for row in reversed(table)
                   if not math.isinf(row.speed))
    subprocess.run([program, "--plot", path], input=bars, text=True, check=True)
