#!/usr/bin/env python3
"""Times this library, the published mlx package, PyTorch and NumPy in one run.

Usage: bench/compare/compare.py [--ours build/bin/bench_compare] [--rounds 3]
                                [--repeats 7] [--cases add,exp] [--json FILE]

Each case runs in a fresh process per system, the systems in turn, `rounds`
times; the median of the rounds' medians is shown. A system whose package this
Python does not have is left out (--python PYTHON names another interpreter for
the peers, one per package: --python mlx=/venv/bin/python).
All processes use --threads threads (default 2).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

CASES = ["scalar_adds", "add", "exp", "gelu", "sum", "softmax", "rms_norm", "layer_norm",
         "attention_512", "attention_2048", "matmul_1024", "matmul_2048",
         "matmul_1024_bf16", "matmul_2048_bf16", "mlp_step",
         *(f"qmm_{bits}bit_{rows}" for bits in (4, 8) for rows in (1, 8, 32, 512))]
YARDSTICKS = ["yard_read_packed", "yard_add", "yard_add_nt", "yard_copy", "yard_sum", "yard_blas_1024",
              "yard_blas_2048"]
STREAM_BYTES = 64 << 20
# Words, scales and biases of a 4096 x 4096 matrix: 4 bits, groups of 64, float32.
PACKED_BYTES = (8 << 20) + (2 << 20)

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers.py")


def run(command, threads):
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads),
               MKL_NUM_THREADS=str(threads))
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return float(done.stdout.split()[-1])


def has_package(python, package):
    return subprocess.run([python, "-c", f"import {package}"], capture_output=True).returncode == 0


def numpy_has(case):
    return not (case.endswith(("bf16", "norm")) or case.startswith(("attention", "qmm")) or
                case == "mlp_step")


def measure(commands, rounds, threads):
    """Median milliseconds of each system; the systems take turns."""
    times = {system: [] for system in commands}
    for _ in range(rounds):
        for system, command in commands.items():
            times[system].append(run(command, threads))
    return {system: statistics.median(values) for system, values in times.items()}


def targets(results):
    """The project's speed targets: (what, value, comparison, bound)."""
    def time(case, system="ours"):
        return results.get(case, {}).get(system)

    def ratio(a, b):
        return a / b if a and b else None

    stream = max((factor * STREAM_BYTES / time(case) / 1e6
                  for case, factor in [("yard_add", 3), ("yard_add_nt", 3), ("yard_copy", 2),
                                       ("yard_sum", 1)] if time(case)), default=None)
    rows = []

    def row(what, value, sign, bound):
        if value is not None:
            rows.append((what, value, sign, bound))

    row("scalar add, ours / mlx", ratio(time("scalar_adds"), time("scalar_adds", "mlx")), "<=", 0.2)
    row("scalar add, ours / torch", ratio(time("scalar_adds"), time("scalar_adds", "torch")), "<", 1)
    if stream:
        row("a+b, share of streaming rate", 3 * STREAM_BYTES / time("add") / 1e6 / stream
            if time("add") else None, ">=", 0.8)
        row("sum, share of streaming rate", STREAM_BYTES / time("sum") / 1e6 / stream
            if time("sum") else None, ">=", 0.7)
    for case in ("exp", "gelu", "softmax"):
        row(f"{case}, mlx / ours", ratio(time(case, "mlx"), time(case)), ">=", 8)
    for n in (1024, 2048):
        row(f"matmul {n}, ours / OpenBLAS", ratio(time(f"matmul_{n}"), time(f"yard_blas_{n}")),
            "<=", 1.05)
        row(f"bf16 matmul {n}, ours / our float32",
            ratio(time(f"matmul_{n}_bf16"), time(f"matmul_{n}")), "<=", 1)
    row("4-bit row, share of reading rate", ratio(time("yard_read_packed"), time("qmm_4bit_1")),
        ">=", 0.7)
    row("MLP step, mlx / ours", ratio(time("mlp_step", "mlx"), time("mlp_step")), ">=", 1.3)
    return rows, stream


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", default="build/bin/bench_compare")
    parser.add_argument("--python", action="append", default=[], metavar="PACKAGE=PYTHON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--json", help="also write the figures here")
    args = parser.parse_args()

    pythons = dict(pair.split("=", 1) for pair in args.python)
    peers = {}
    for system, package in (("mlx", "mlx.core"), ("torch", "torch"), ("numpy", "numpy")):
        python = pythons.get(system, sys.executable)
        if has_package(python, package):
            peers[system] = python
        else:
            print(f"compare: {python} has no package {package}: left out", file=sys.stderr)

    results = {}
    for case in args.cases.split(",") + YARDSTICKS:
        commands = {"ours": [args.ours, case, str(args.repeats)]}
        if not case.startswith("yard_"):
            for system, python in peers.items():
                if system != "numpy" or numpy_has(case):
                    commands[system] = [python, PEER, system, case, str(args.repeats)]
        print(f"compare: {case} ...", file=sys.stderr, flush=True)
        results[case] = measure(commands, args.rounds, args.threads)

    print(f"{'case':18} {'ours':>10} {'mlx':>10} {'torch':>10} {'numpy':>10}   (ms)")
    for case, row in results.items():
        cells = [f"{row[s]:10.3f}" if s in row else f"{'-':>10}"
                 for s in ("ours", "mlx", "torch", "numpy")]
        print(f"{case:18} " + " ".join(cells))
    rows, stream = targets(results)
    if stream:
        print(f"\nbest streaming rate: {stream:.1f} GB/s")
    print()
    for what, value, sign, bound in rows:
        met = {"<=": value <= bound, "<": value < bound, ">=": value >= bound}[sign]
        print(f"{what:36} {value:8.3f}  {sign} {bound:<5} {'met' if met else 'MISSED'}")
    if args.json:
        with open(args.json, "w") as out:
            json.dump({"milliseconds": results, "stream_gb_per_s": stream}, out, indent=1)


if __name__ == "__main__":
    main()
