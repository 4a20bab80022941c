#!/usr/bin/env python3
"""mlx-bench-collectives as a user runs it.

Usage: bench_collectives_test.py PROGRAM [CASE]
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

PROGRAM = sys.argv.pop(1)
OPS = ["all_sum", "all_max", "all_min", "all_prod", "all_gather", "sum_scatter", "broadcast", "reduce",
       "gather", "scatter", "all_to_all", "barrier", "send_recv"]
SMALL = ["--max", "4K", "--factor", "32", "--iterations", "3"]


class BenchCollectives(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def run_program(self, *options, status=0):
        done = subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def results(self, *options):
        report = json.loads(self.run_program(*options, "--json", "-").stdout)
        return report, report["results"]

    def test_all_operations_are_right_for_dtypes_ranks_and_layers(self):
        for ranks, dtype, layer in ((2, "float32", []), (3, "bfloat16", []), (3, "bool", []),
                                    (2, "complex64", ["--graph"]), (3, "int8", ["--graph"])):
            with self.subTest(ranks=ranks, dtype=dtype, layer=layer):
                report, rows = self.results("-n", str(ranks), "--op", "all", "--dtype", dtype, *SMALL,
                                            *layer)
                self.assertEqual((report["ranks"], report["dtype"]), (ranks, dtype))
                self.assertEqual(list(dict.fromkeys(r["operation"] for r in rows)), OPS)
                self.assertTrue(all(r["wrong"] == 0 for r in rows), rows)

    def test_figures_are_those_of_nccl_tests(self):
        _, rows = self.results("-n", "3", "--op", "all", "--min", "12K", "--max", "12K",
                               "--iterations", "20")
        factors = {"all_sum": 4 / 3, "all_max": 4 / 3, "all_min": 4 / 3, "all_prod": 4 / 3,
                   "all_gather": 2 / 3, "sum_scatter": 2 / 3, "gather": 2 / 3, "scatter": 2 / 3,
                   "all_to_all": 2 / 3}
        for row in rows:
            with self.subTest(op=row["operation"]):
                self.assertEqual(row["bytes"], 0 if row["operation"] == "barrier" else 12 << 10)
                self.assertEqual(row["count"], row["bytes"] / 4)
                self.assertEqual(row["iterations"], 20)
                self.assertTrue(0 < row["min_us"] <= row["median_us"] <= row["p99_us"], row)
                self.assertAlmostEqual(row["algbw_gb_s"], row["bytes"] / row["median_us"] / 1e3)
                self.assertAlmostEqual(row["busbw_gb_s"],
                                       row["algbw_gb_s"] * factors.get(row["operation"], 1))

    def test_sizes_grow_by_the_factor(self):
        _, rows = self.results("--min", "1K", "--max", "1M", "--factor", "32", "--iterations", "1",
                               "--no-check")
        self.assertEqual([r["bytes"] for r in rows], [1 << 10, 1 << 15, 1 << 20])
        self.assertEqual([r["wrong"] for r in rows], [None] * 3)

    def test_table_has_a_line_for_each_size(self):
        lines = self.run_program("--min", "4", "--max", "64", "--iterations", "3").stdout.splitlines()
        self.assertRegex(lines[0], "^# .*2 ranks, float32$")
        columns = [line.split() for line in lines if not line.startswith("#")]
        self.assertEqual([(c[0], c[1], c[2], c[-1]) for c in columns],
                         [("all_sum", "4", "1", "0"), ("all_sum", "16", "4", "0"),
                          ("all_sum", "64", "16", "0")])

    def test_one_rank(self):
        report, rows = self.results("-n", "1", "--op", "all", *SMALL)
        self.assertEqual(report["ranks"], 1)
        self.assertEqual({r["operation"] for r in rows}, set(OPS) - {"send_recv"})
        self.assertTrue(all(r["wrong"] == 0 for r in rows), rows)

    def test_plots_are_drawings_with_a_curve_for_each_series(self):
        for name in ("a", "b"):
            self.run_program("--op", "all_sum,broadcast,barrier", *SMALL, "--json",
                             self.path(name), "--plot", self.path(name + ".svg"))
        self.assertEqual(self.curves("a.svg"), 4)  # two operations with sizes in two panels
        self.run_program("--compare", self.path("a") + "," + self.path("b"), "--plot",
                         self.path("both.svg"))
        self.assertEqual(self.curves("both.svg"), 8)

    def curves(self, name):
        root = xml.parse(self.path(name)).getroot()
        texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
        for label in ("Latency", "Bus bandwidth", "median (us)", "GB/s", "size (bytes)"):
            self.assertIn(label, texts)
        return len(root.findall("{http://www.w3.org/2000/svg}polyline"))

    def test_tells_what_a_waiting_rank_costs(self):
        report, _ = self.results("--wait", "0.5")
        self.assertTrue(0 <= report["waiting_share"] <= 2, report)
        self.assertRegex(self.run_program("--wait", "0.2").stdout, "a rank that waits uses .* % of a core")

    def test_wrong_usage_ends_with_2_and_says_why(self):
        for options, words in (
            (["--op", "all_sun"], 'expected all or some of all_sum .* got "all_sun"'),
            (["--dtype", "float128"], "expected one of bool .* got"),
            (["--min", "4Q"], 'expected a number of bytes .* got "4Q"'),
            (["--max", "-4"], "expected a number of bytes"),
            (["--min", "8", "--max", "4"], "expected at least --min"),
            (["--factor", "1"], "--factor"),
            (["-n", "0"], "--ranks"),
            (["--backend", "pigeons"], "--backend"),
            (["--compare", "a.json"], "--plot"),
            (["--frobnicate"], "--frobnicate"),
        ):
            with self.subTest(options=options):
                done = self.run_program(*options, status=2)
                self.assertEqual(done.stdout, "")
                self.assertTrue(re.search(words, done.stderr), done.stderr)

    def test_failures_end_with_1_and_say_why(self):
        nowhere = self.path("no/such/folder/file")
        self.assertIn("Cannot read", self.run_program("--compare", nowhere, "--plot", "x",
                                                      status=1).stderr)
        self.assertIn("Cannot write", self.run_program("--max", "4", "--iterations", "1", "--json",
                                                       nowhere, status=1).stderr)
        with open(self.path("odd"), "w") as file:
            file.write("{}")
        self.assertIn("is not what --json writes",
                      self.run_program("--compare", self.path("odd"), "--plot", "x", status=1).stderr)

    def test_help_names_every_option(self):
        text = self.run_program("--help").stdout
        for option in ("--ranks", "--op", "--backend", "--dtype", "--min", "--max", "--factor",
                       "--warmup", "--iterations", "--no-check", "--graph", "--json", "--plot",
                       "--compare", "--wait", "--progress", "Exit code"):
            self.assertIn(option, text)


if __name__ == "__main__":
    unittest.main()
