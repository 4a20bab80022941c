#!/usr/bin/env python3
"""Compares this library with the published mlx package and NumPy over random calls.

Usage: python scripts/differential.py [options]

Runs in a Python that has mlx and NumPy (python3 -m venv v && v/bin/pip install "mlx[cpu]" numpy),
after `cmake --build build --target differential_driver`.

Every call is made by both, each in a process of its own that is started again when it dies. Where
they disagree, NumPy or a rule of tests/differential/rules.py decides; a rule names the row of
docs/differences.md that says why. Exits with 1 if a disagreement has no explanation, and prints
for each of those the options that make the same call again.
"""

import argparse
import collections
import os
import pathlib
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "differential"))

try:
    import numpy as np
except ImportError:
    sys.exit(f"{__doc__}\nThis python has no NumPy: {sys.executable}")

import calls  # noqa: E402
import checks  # noqa: E402
import judge  # noqa: E402
import references  # noqa: E402
import rules  # noqa: E402
import transforms  # noqa: E402
import wire  # noqa: E402
from source import Source  # noqa: E402


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", default=str(ROOT / "build/bin/differential_driver"),
                        help="the program built from tests/differential (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other calls (default: 0)")
    parser.add_argument("--count", type=int, default=5000, help="number of calls (default: %(default)s)")
    parser.add_argument("--at", type=int, metavar="I",
                        help="make only call I of --seed (and --only), and print all about it")
    parser.add_argument("--only", metavar="OPS", help="only these operations, with commas: sum,fft.fft")
    parser.add_argument("--transform", choices=["none", "vjp", "jvp", "vmap"],
                        help="only calls under this transform, or none (default: some of all)")
    parser.add_argument("--list", action="store_true", help="print the operations and end")
    parser.add_argument("--limit", type=float, default=10, help="seconds for one call (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side (default: %(default)s)")
    parser.add_argument("--show", type=int, default=3, metavar="N",
                        help="unexplained calls to show of each operation and kind (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="show explained disagreements too")
    return parser.parse_args()


class Run:
    """Makes calls on both sides and keeps the books."""

    def __init__(self, options):
        self.options = options
        self.ours = wire.Peer([options.driver], options.limit, options.threads)
        self.theirs = wire.Peer([sys.executable, str(ROOT / "tests/differential/oracle.py")],
                                options.limit, options.threads)
        self.rows = calls.select(options.only)
        self.counts = collections.Counter()
        self.explained = collections.Counter()
        self.unexplained = collections.defaultdict(list)

    def close(self):
        self.ours.stop()
        self.theirs.stop()

    def call_at(self, index):
        """Call `index` of this seed: its row is drawn apart, so that --only finds the call again."""
        row = self.rows[int(np.random.default_rng([self.options.seed, index, 0]).integers(len(self.rows)))]
        source = Source(np.random.default_rng([self.options.seed, index, 1]))
        call = row.make(source)
        drawn = source.choose(["none"] * 7 + ["vjp", "jvp", "vmap"])
        return row, transforms.apply(self.options.transform or drawn, row, call, source, self.ours)

    def make(self, index):
        row, call = self.call_at(index)
        ours, theirs = self.ours.ask(call), self.theirs.ask(call)
        verdict = self.judge(row, call, ours, theirs)
        self.counts[row.op] += 1
        if self.options.at is not None:
            print(f"{call.describe()}\nhere:  {ours.describe()}\nthere: {theirs.describe()}\n{verdict}")
            for side in (ours, theirs):
                for output in side.outputs or []:
                    print(output.values)
        self.note(row, index, call, verdict)

    def judge(self, row, call, ours, theirs):
        """None, ("explained", why) or (kind, what differs)."""
        if "Malformed" in (ours.error, theirs.error):
            return "malformed", ours.describe()
        if theirs.error in ("TypeError", "AttributeError"):  # MLX's Python has not this call
            if call.transform or call.op not in references.REFERENCES:
                return "explained", "MLX's Python interface cannot make the call"
            return None if references.agrees(row, call, ours) else ("values", f"not NumPy's: {ours.describe()}")
        difference = self.difference(row, call, ours, theirs)
        if difference is None:
            return None
        why = rules.explain(call, ours, theirs, difference)
        why = why or self.computed_otherwise(row, call, ours)
        return ("explained", why, difference) if why else difference

    def computed_otherwise(self, row, call, ours):
        """Why our result is right, where another way leads to it; or None."""
        if ours.error:
            return None
        if not call.transform:
            return "NumPy in double precision agrees with us" if references.agrees(row, call, ours) else None
        if call.transform["kind"] == "vmap":
            return rules.LOOP if checks.loop_agrees(row, call, ours.outputs, self.ours.ask) else None
        agree = checks.differences_agree(call, ours.outputs, self.ours.ask, np.random.default_rng(0))
        return rules.FINITE_DIFFERENCES if agree else None

    def difference(self, row, call, ours, theirs):
        tolerance, scale = transforms.tolerance(row, call)
        difference = judge.differs(ours, theirs, tolerance, scale)
        if difference and difference[0] == "values" and row.canonical and not call.transform:
            canonical = [wire.Answer(row.canonical(call, side.outputs)) for side in (ours, theirs)]
            return judge.differs(*canonical, tolerance, scale)
        return difference

    def note(self, row, index, call, verdict):
        if verdict is None:
            return
        transform = call.transform["kind"] if call.transform else "none"
        again = f"--seed {self.options.seed} --only {row.op} --transform {transform} --at {index}"
        if verdict[0] == "explained":
            self.explained[(row.op, verdict[1])] += 1
            if self.options.verbose and len(verdict) > 2:
                print(f"explained by {verdict[1]!r}: {call.describe()}: {verdict[2]}")
            return
        self.unexplained[(row.op, transform, verdict[0])].append(
            f"{call.describe()}\n    {verdict[1]}\n    {again}")

    def report(self, seconds):
        for (op, why), count in sorted(self.explained.items()):
            print(f"explained    {op:28} {count:6}  {why}")
        for (op, transform, kind), found in sorted(self.unexplained.items()):
            print(f"UNEXPLAINED  {op:28} {len(found):6}  {kind}" +
                  (f" under {transform}" if transform != "none" else ""))
            for text in found[:self.options.show]:
                print("  " + text)
        total = sum(self.counts.values())
        unexplained = sum(len(found) for found in self.unexplained.values())
        print(f"{total} calls of {len(self.counts)} operations in {seconds:.0f} s: "
              f"{total - unexplained - self.explained.total()} agree, {self.explained.total()} are explained, "
              f"{unexplained} are not")
        return 1 if unexplained else 0


def main():
    options = parse_options()
    if options.list:
        print("\n".join(row.op for row in calls.select(options.only)))
        return 0
    if not os.path.exists(options.driver):
        sys.exit(f"{options.driver} is not there: cmake --build build --target differential_driver")
    rules.check(ROOT / "docs/differences.md")
    warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of empty means and the like
    run = Run(options)
    started = time.monotonic()
    try:
        for index in range(options.count) if options.at is None else [options.at]:
            run.make(index)
    except KeyboardInterrupt:
        pass
    finally:
        run.close()
    return run.report(time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
