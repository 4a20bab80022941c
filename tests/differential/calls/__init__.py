"""The tables of calls, by family."""

import sys

from calls import elementwise, indexing, libraries, products, reductions, shapes

ROWS = elementwise.ROWS + reductions.ROWS + shapes.ROWS + indexing.ROWS + products.ROWS + libraries.ROWS


def select(names=None):
    """All rows, or those of the operations named, with commas."""
    if names is None:
        return ROWS
    wanted = names.split(",")
    unknown = set(wanted) - {row.op for row in ROWS}
    if unknown:
        sys.exit(f"unknown operations: {', '.join(sorted(unknown))}; --list prints those that there are")
    return [row for row in ROWS if row.op in wanted]
