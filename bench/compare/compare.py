#!/usr/bin/env python3
"""Measures this library, the published mlx package and PyTorch in one run.

Usage: bench/compare/compare.py [--only REGEX] [--quick] [--json FILE]
                                [--python mlx=PYTHON] [--python torch=PYTHON]
       bench/compare/compare.py --accuracy ...     errors instead of times

The cases are in cases/*.py. Each system is one process with --threads threads
(2); for each case all of them prepare the inputs, then measure in turns, --rounds
times; the median of the rounds' medians counts. A call that takes more than a
second is measured once. --only searches the family and name of the cases
("reductions", "matmul .* bf16"); with --json FILE the figures of earlier runs
stay in the file for all cases that are not measured again, and the table shows
all of them. --quick is one short round.

On a machine that does other things, run it with real-time priority
(chrt -f 10), part by part: it takes the processors from everybody else.
"""

import argparse
import json
import os
import statistics
import sys

import accuracy
import report
from cases import chosen_cases
from systems import HERE, Unsupported, start


def too_long(case, name, figures, budget):
    """The time that the smaller case makes us expect, in seconds, if it is beyond the budget."""
    smaller = figures.get(case.after, {}).get(name)
    expected = smaller * case.growth / 1e3 if smaller else 0
    return expected if expected > budget else 0


def measure(case, systems, figures, args):
    """Median milliseconds of each system that can run the case; the systems take turns."""
    ready = []
    for system in systems:
        expected = too_long(case, system.name, figures, args.budget)
        try:
            if expected:
                raise Unsupported(f"would take about {expected:.0f} s")
            system.prepare(case)
            ready.append(system)
        except Unsupported as reason:
            if case.counts:
                print(f"compare: {case.name}: {system.name}: {reason}", file=sys.stderr)
    times = {}
    for number in range(args.rounds):
        for system in list(ready):
            if number and times[system.name][0] > 1000:
                continue
            try:
                time = system.measure(args.seconds)
                times.setdefault(system.name, []).append(time)
            except Unsupported as reason:
                print(f"compare: {case.name}: {system.name}: {reason}", file=sys.stderr)
                ready.remove(system)
    for system in systems:
        system.release()
    return {name: statistics.median(values) for name, values in times.items()}


def known(path):
    if path and os.path.exists(path):
        with open(path) as file:
            return json.load(file)
    return {}


def write(path, content):
    if path:
        with open(path, "w") as file:
            file.write(content)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default="build/bin/bench_compare")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PYTHON")
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.1, help="for a round of a case")
    parser.add_argument("--quick", action="store_true", help="one round of 30 ms")
    parser.add_argument("--budget", type=float, default=6, help="seconds that one call may take")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--accuracy", action="store_true", help="errors instead of times")
    parser.add_argument("--json", metavar="FILE", help="the figures, kept from run to run")
    parser.add_argument("--markdown", metavar="FILE", help="the table, for the documentation")
    parser.add_argument("--plot", metavar="FILE", help="ours / best peer as bars (SVG)")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 0.03

    pythons = dict({"mlx": sys.executable, "torch": sys.executable},
                   **dict(pair.split("=", 1) for pair in args.python))
    if args.accuracy:
        results = accuracy.measure(start(args.ours, pythons, args.threads), args.only)
        print(accuracy.text(results))
        write(args.markdown, accuracy.markdown(results))
        return
    figures = known(args.json)
    chosen = chosen_cases(args.only)
    systems = start(args.ours, pythons, args.threads) if chosen else []
    for case in chosen:
        print(f"compare: {case.family}: {case.name}", file=sys.stderr, flush=True)
        figures[case.name] = measure(case, systems, figures, args)
        if args.json:
            with open(args.json, "w") as file:
                json.dump(figures, file, indent=1)
    for system in systems:
        system.close()

    rows = report.rows(figures)
    print(report.text(rows, figures))
    write(args.markdown, report.markdown(rows))
    if args.plot:
        report.plot(rows, args.ours, args.plot)


if __name__ == "__main__":
    sys.path.insert(0, HERE)
    main()
