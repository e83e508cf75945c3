"""How long a million laboratory values take to be graded: `python benchmarks/endpoints_labs.py [VALUES]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from posology.endpoints.ctcae import NONE, Version, criteria, grade


def seconds(run: Callable[[], object], times: int = 5) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return median(taken)


def main(values: int = 1_000_000) -> None:
    chance = np.random.default_rng(20130610)
    print(f"{values:,} values of every term, with limits and baseline; median of 5")
    print(f"{'CTCAE':<8}{'terms':>8}{'seconds':>10}{'graded':>10}")
    versions: tuple[Version, ...] = ("4.03", "5", "6")
    for version in versions:
        rows = [of[-1] for of in criteria(version).values()]
        which = chance.integers(len(rows), size=values)
        term = np.array([row.term for row in rows], dtype=object)[which]
        unit = np.array([row.unit for row in rows], dtype=object)[which]
        value, base = chance.lognormal(1, 1.5, values), chance.lognormal(1, 1, values)
        run = lambda: grade(term, value, unit, version=version, lower=2.0, upper=5.0, baseline=base)  # noqa: B023
        graded = (run().grade != NONE).mean()
        print(f"{version:<8}{len(rows):>8}{seconds(run):>10.3f}{graded:>10.1%}")


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
