"""What is compared: one table of cases for each family of operations."""

import re
from dataclasses import dataclass


@dataclass
class Case:
    """One line of the table: the same work for each system, on inputs of the same kind."""
    name: str        # shown, and what --only searches
    ours: str        # a function of functions_*.cpp
    inputs: str      # as ours.cpp describes them
    mlx: str         # expressions over the inputs a, b, c, ... as peers.py takes them;
    torch: str       # empty where there is none
    mlx_first: str = ""    # run once before
    torch_first: str = ""
    after: str = ""        # the case with the same work in small,
    growth: float = 1      # and how much longer this one takes at least
    family: str = ""
    counts: bool = True    # in the summary; yardsticks and references do not


def short(dtype):
    return {"float32": "", "float16": " f16", "bfloat16": " bf16", "int32": " i32"}[dtype]


def all_cases():
    from . import algorithms, elementwise, layers, products, reductions, selection

    cases = []
    for module in (elementwise, reductions, layers, products, selection, algorithms):
        for case in module.cases():
            case.family = module.__name__.rpartition(".")[2]
            cases.append(case)
    names = [case.name for case in cases]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    return cases


def chosen_cases(only):
    """The cases whose "family name" has the regular expression in it."""
    return [case for case in all_cases() if re.search(only, f"{case.family} {case.name}")]
