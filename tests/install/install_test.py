#!/usr/bin/env python3
"""Installs the build into a temporary folder and builds and runs a small project against the package there."""

import argparse
import pathlib
import subprocess
import tempfile

PROJECT = pathlib.Path(__file__).parent / "project"


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--build", required=True, help="the folder of our build")
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--sanitize", default="", help="the sanitizers of our build")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        prefix, build = pathlib.Path(folder, "prefix"), pathlib.Path(folder, "build")
        run(options.cmake, "--install", options.build, "--prefix", prefix)
        flags = f"-fsanitize={options.sanitize.replace(';', ',')}" if options.sanitize else ""
        run(options.cmake, "-S", PROJECT, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={options.compiler}", f"-DCMAKE_CXX_FLAGS={flags}")  # fmt: skip
        run(options.cmake, "--build", build)
        for program in ("extension", "by_module"):
            print(run(build / program), end="")
        printed = run(prefix / "bin" / "mlx-launch", "-n", "2", build / "extension")
        if printed.count("of 2") != 2:
            raise SystemExit(f"two ranks were expected to report, got:\n{printed}")


if __name__ == "__main__":
    main()
