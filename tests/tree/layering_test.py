#!/usr/bin/env python3
"""Dependencies point one way: checks every #include "mlx/..." of the tree.

Usage: layering_test.py ROOT
Prints each include that the rules below do not allow and exits with 1.
"""

import pathlib
import re
import sys

# Which folders the files of a folder may include. The first matching prefix
# of a file's path decides; a folder may always include itself.
ALLOWED = {
    "core/base": set(),
    "core/graph": {"core/base", "core"},
    "core/ops": {"core/base", "core", "core/graph"},
    "core/transform": {"core/base", "core", "core/graph", "core/ops"},
    "core/memory": {"core/base", "core"},
    "core/eval": {"core/base", "core", "core/graph", "core/memory"},
    "core/cpu": {"core/base", "core", "core/graph", "core/ops"},
    "core/io": {"core/base", "core", "core/graph", "core/ops"},
    "core": {"core/base", "core/graph", "core/ops"},
    "distributed/bootstrap": {"core/base"},
    "distributed": {"core", "core/base", "core/graph", "core/ops", "core/eval", "distributed/bootstrap"},
    "launch": {"core/base", "distributed/bootstrap"},
    "nn": {"core", "core/base", "core/graph", "core/ops", "distributed"},
    "optim": {"core", "core/base", "core/ops", "nn", "distributed"},
    "examples": {"core", "core/ops", "distributed", "nn", "optim"},
}

# The places where a lower part names a higher one on purpose.
EXCEPTIONS = {
    # The registry of devices is the one file of eval that knows them.
    ("core/eval/devices.cpp", "core/cpu"),
    # Memory that a device has registered must not be unmapped behind its back.
    ("distributed/transports/rdma/registration.h", "core/memory"),
    # The table of libibverbs alone, a target of its own: which devices are there.
    ("launch/config/inspect_rdma.cpp", "distributed"),
    # Functions in files are recorded as compile records them.
    ("core/io/export.cpp", "core/transform"),
    ("core/io/lowering.h", "core/transform"),
    # Collectives combine values by the loops that scatter has.
    ("distributed/reduce.cpp", "core/cpu"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]mlx/([^">]+)[">]', re.M)


def folder_of(path):
    """The longest folder of ALLOWED that holds the path."""
    best = None
    for folder in ALLOWED:
        if path.startswith(folder + "/") and (best is None or len(folder) > len(best)):
            best = folder
    return best


def check(root):
    problems = []
    for top in sorted({folder.split("/")[0] for folder in ALLOWED}):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in {".h", ".cpp", ".def"}:
                continue
            name = path.relative_to(root).as_posix()
            source = folder_of(name)
            for target_file in INCLUDE.findall(path.read_text()):
                target = folder_of(target_file)
                if target is None:
                    # Without a folder: one of the forwarders, for programs.
                    forwarded = source == "examples" and "/" not in target_file
                    if not forwarded and not (root / target_file).exists():
                        problems.append(f"{name}: includes mlx/{target_file}, which does not exist")
                    continue
                allowed = ALLOWED[source] | {source}
                # Subfolders without a rule of their own belong to the folder above.
                if target not in allowed and (name, target) not in EXCEPTIONS:
                    problems.append(f"{name}: {source} may not include {target} (mlx/{target_file})")
    return problems


def main():
    problems = check(pathlib.Path(sys.argv[1]))
    print("\n".join(problems) if problems else "layering: every include is allowed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
