#!/usr/bin/env python3
"""Measures our collectives beside their peers, in one run on this host.

Usage: bench/collectives/compare.py [--build build] [--rounds 5] [--cases 2_shm,2_tcp] [--out FOLDER]

Needs the programs of MLX_BUILD_BENCH (scripts/setup.sh --bench). The systems of a
case take turns, `rounds` times over all sizes; each figure is the median of the
rounds' medians, because the machine is noisy. Prints a table with the ratios and
whether the project's targets are met; --out gets it as Markdown, the figures as
JSON, and plots.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

KIB, MIB = 1 << 10, 1 << 20

# Quiet, as root, over loopback only, and able to have more ranks than cores.
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_pml": "ob1", "OMPI_MCA_btl_tcp_if_include": "lo",
    "OMPI_MCA_oob_tcp_if_include": "lo",
}
OPS = ["all_sum", "all_gather", "sum_scatter", "broadcast"]


@dataclass
class System:
    """A program that measures, and its environment."""
    command: list
    env: dict = field(default_factory=dict)
    ops: list = field(default_factory=lambda: OPS)
    largest: int = 128 * MIB
    share: float = 1  # of a call that counts


@dataclass
class Target:
    """Our time over the peer's is at most that, for these sizes."""
    peer: str
    most: float
    smallest: int = 0
    largest: int = 1 << 40


@dataclass
class Case:
    title: str
    ranks: int
    systems: dict  # by name; "mlx" is ours
    targets: list
    rounds: int = 0  # other than --rounds


def cases(build):
    def program(name):
        return os.path.join(build, "bin", name)

    def ours(ranks, **env):
        return System([program("mlx-bench-collectives"), "-n", str(ranks)], env)

    def open_mpi(ranks, btl):
        # With a core for each rank it polls, as by default. Else a rank that waits and does
        # not yield takes the core from the one that it waits for.
        crowded = ranks > len(os.sched_getaffinity(0))
        return System(["mpirun", "-n", str(ranks), program("bench_mpi_collectives")],
                      dict(OPEN_MPI, OMPI_MCA_btl=btl,
                           OMPI_MCA_mpi_yield_when_idle=str(int(crowded))))

    def ping_pong(*options):
        # A call is there and back, a collective of two ranks needs one way.
        return System([program("bench_ping_pong"), *options], ops=["send_recv"], largest=64 * KIB,
                      share=0.5)

    crowd = {f"{ranks}_shm": Case(
        f"{ranks} ranks on all cores", ranks,
        {"mlx": ours(ranks), "Open MPI": open_mpi(ranks, "self,vader")},
        [Target("Open MPI", 1.5)] if ranks == 4 else [], 0 if ranks == 4 else 1)
        for ranks in (4, 8, 16)}
    return {
        "2_shm": Case("2 ranks, shared memory", 2,
                      {"mlx": ours(2), "Open MPI": open_mpi(2, "self,vader")},
                      [Target("Open MPI", 1.3, 0, 64 * KIB), Target("Open MPI", 1 / 1.2, MIB)]),
        "2_tcp": Case("2 ranks, TCP on loopback only", 2,
                      {"mlx": ours(2, MLX_TRANSPORT="tcp"),
                       "Open MPI": open_mpi(2, "self,tcp"),
                       "Gloo": System([program("bench_gloo_collectives"), "-n", "2"]),
                       "ping-pong": ping_pong(), "ping-pong, polling": ping_pong("--poll")},
                      [Target("Open MPI", 1), Target("Gloo", 1),
                       Target("ping-pong", 1.5, 0, 32 * KIB)]),
        **crowd,
    }


def run(system, options):
    command = [*system.command, *options, "--json", "-"]
    done = subprocess.run(command, env={**os.environ, **system.env}, capture_output=True, text=True,
                          timeout=900)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout)


def measure(case, args):
    """For each system the report of its last round, with the medians over all rounds."""
    times, reports = {}, {}
    for number in range(case.rounds or args.rounds):
        for name, system in case.systems.items():
            print(f"compare: {case.title}, round {number + 1}, {name} ...", file=sys.stderr, flush=True)
            ops = [op for op in system.ops if op in args.ops or op == "send_recv"]
            if not ops:
                continue
            options = ["--op", ",".join(ops), "--min", str(args.min), "--factor", str(args.factor),
                       "--max", str(min(args.max, system.largest))]
            reports[name] = run(system, options)
            for row in reports[name]["results"]:
                times.setdefault((name, row["operation"], row["bytes"]), []).append(
                    row["median_us"] * system.share)
    for name, report in reports.items():
        report["system"] = name
        for row in report["results"]:
            median = statistics.median(times[name, row["operation"], row["bytes"]])
            scale = row["median_us"] / median
            row.update(median_us=median, algbw_gb_s=row["algbw_gb_s"] * scale,
                       busbw_gb_s=row["busbw_gb_s"] * scale)
    return reports


def with_floor(reports):
    """The two ways to play ping-pong are one peer of every operation: the faster."""
    both = [reports.pop(name) for name in ("ping-pong", "ping-pong, polling") if name in reports]
    if both:
        reports["ping-pong"] = both[0]
        for row, other in zip(both[0]["results"], both[1]["results"]):
            row["median_us"] = min(row["median_us"], other["median_us"])
    return reports


def rows_of(case, reports):
    """One row for each operation and size: our time, the peers', and the verdict."""
    peers = {name: {(r["operation"], r["bytes"]): r["median_us"] for r in report["results"]}
             for name, report in reports.items() if name != "mlx"}
    rows = []
    for ours in reports["mlx"]["results"]:
        op, size = ours["operation"], ours["bytes"]
        row = {"operation": op, "bytes": size, "ours_us": ours["median_us"], "peers": {}, "verdict": ""}
        for name, times in peers.items():
            key = ("send_recv" if name == "ping-pong" else op, size)
            if key in times and (name != "ping-pong" or op == "all_sum"):
                row["peers"][name] = times[key]
        checks = [row["ours_us"] / row["peers"][t.peer] <= t.most for t in case.targets
                  if t.peer in row["peers"] and t.smallest <= size <= t.largest]
        if checks:
            row["verdict"] = "met" if all(checks) else "MISSED"
        rows.append(row)
    return rows


def size_text(size):
    for unit, name in ((1 << 30, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def time_text(us):
    for unit, name in ((1e6, "s"), (1e3, "ms")):
        if us >= unit:
            return f"{us / unit:.3g} {name}"
    return f"{us:.3g} us"


def describe(target):
    span = (f"up to {size_text(target.largest)}" if target.largest < 1 << 40 else
            f"from {size_text(target.smallest)} on" if target.smallest else "every size")
    return f"at most {target.most:.3g}x {target.peer} ({span})"


def markdown(case, rows):
    peers = sorted({name for row in rows for name in row["peers"]})
    lines = [f"### {case.title}", ""]
    if case.targets:
        lines += ["Required: " + "; ".join(map(describe, case.targets)) + ".", ""]
    lines += ["| | size | ours | " + " | ".join(f"{p} | ratio" for p in peers) + " | target |",
              "|---" * (4 + 2 * len(peers)) + "|"]
    for row in rows:
        cells = [row["operation"], size_text(row["bytes"]), time_text(row["ours_us"])]
        for peer in peers:
            time = row["peers"].get(peer)
            cells += [time_text(time), f"{row['ours_us'] / time:.2f}"] if time else ["-", "-"]
        lines.append("| " + " | ".join(cells + [row["verdict"]]) + " |")
    return "\n".join(lines) + "\n"


def waiting(case):
    """The share of a core that a rank uses which waits for 2 s."""
    shares = {name: run(case.systems[name], ["--wait", "2"])["waiting_share"]
              for name in ("mlx", "Open MPI")}
    verdict = "met" if shares["mlx"] < 0.05 else "MISSED"
    return (f"A rank that waits, {case.title}: {shares['mlx']:.2%} of a core (below 5 %: {verdict}); "
            f"Open MPI {shares['Open MPI']:.0%}.\n")


def write(out, name, text, reports, build):
    files = []
    for system, report in reports.items():
        files.append(os.path.join(out, f"{name}_{system.replace(' ', '_')}.json"))
        with open(files[-1], "w") as file:
            json.dump(report, file, indent=1)
    with open(os.path.join(out, f"{name}.md"), "w") as file:
        file.write(text)
    subprocess.run([os.path.join(build, "bin", "mlx-bench-collectives"), "--compare",
                    ",".join(files), "--plot", os.path.join(out, f"{name}.svg")], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="the build folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default="all", help="2_shm, 2_tcp, 4_shm, 8_shm, 16_shm")
    parser.add_argument("--ops", default=",".join(OPS))
    parser.add_argument("--min", type=int, default=4, help="bytes")
    parser.add_argument("--max", type=int, default=128 * MIB, help="bytes")
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--out", help="a folder for Markdown, JSON and SVG")
    args = parser.parse_args()
    args.ops = args.ops.split(",")

    known = cases(args.build)
    chosen = list(known) if args.cases == "all" else args.cases.split(",")
    for name in chosen:
        if name not in known:
            parser.error(f"no case {name}: expected some of {', '.join(known)}")
    if args.out:
        os.makedirs(args.out, exist_ok=True)
    for name in chosen:
        case = known[name]
        reports = with_floor(measure(case, args))
        text = markdown(case, rows_of(case, reports))
        if name == "4_shm":
            text += "\n" + waiting(case)
        print(text, flush=True)
        if args.out:
            write(args.out, name, text, reports, args.build)


if __name__ == "__main__":
    main()
