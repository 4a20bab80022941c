"""A row of the tables: an operation, how to make a call of it, and what its results may differ by."""

import dataclasses
import typing


@dataclasses.dataclass
class Row:
    op: str
    make: typing.Callable  # Source -> Call
    tolerance: object = "exact"  # or a function of the call that gives it
    # The magnitude that rounding errors are relative to, of a call; for "scaled" tolerances.
    scale: typing.Callable = None
    # What makes results comparable that are determined up to a choice: (call, outputs) -> outputs.
    canonical: typing.Callable = None
    # Whether derivatives are compared, and whether the call may be mapped.
    differentiable: bool = False
    # Units in the last place of the largest element that derivatives may differ by.
    derivative_ulps: float = 64
    mappable: bool = True
    # Whether a mapped array may hold its elements in another order; otherwise all its parts are equal.
    shuffles: bool = True
