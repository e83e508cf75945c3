"""Benchmark of expansion cohorts: designs found, baskets analysed, exact operating characteristics; each against its limit."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from posology.expansion.baskets.exact import BasketDesign
from posology.expansion.baskets.hierarchical import Exchangeable, Exnex, HalfNormal
from posology.expansion.baskets.power_prior import PowerPrior
from posology.expansion.one_arm.bop2 import bop2_search
from posology.expansion.one_arm.posterior import lee_liu_search
from posology.expansion.one_arm.simon import simon_designs

RESPONSES, PATIENTS = [2, 0, 1, 6, 7, 3, 5, 1, 0, 3], [15, 13, 12, 28, 29, 29, 26, 5, 2, 20]  # Chugh 2009
ONE = Exnex((Exchangeable(-1.735, 2.62, HalfNormal(1.0)),), (0.5, 0.5), -1.734, 2.80)
TWO = Exnex(  # Neuenschwander 2016, section 3.1
    (Exchangeable(-2.197, 3.18, HalfNormal(1.0)), Exchangeable(-0.847, 1.94, HalfNormal(1.0))),
    (0.25, 0.25, 0.5),
    -1.386,
    2.5,
)


def timed(name: str, limit: float, work: Callable[[], object]) -> None:
    """Print the fastest of three runs, and its share of the limit."""
    seconds = []
    for _ in range(3):
        begin = perf_counter()
        work()
        seconds.append(perf_counter() - begin)
    print(f"{name:<58}{min(seconds):>9.3f} s{min(seconds) / limit:>8.0%} of {limit:g} s")


if __name__ == "__main__":
    timed("Simon to 120 patients, 10 against 30 %", 0.05, lambda: simon_designs(0.1, 0.3))
    timed("Lee and Liu's search, 20 to 50 patients", 1.0, lambda: lee_liu_search(0.2, 0.4))
    timed("BOP2 calibrated exactly, 4 looks to 40", 2.0, lambda: bop2_search([10, 20, 30, 40], 0.2, 0.4))
    timed("EXNEX, one analysis of ten baskets", 0.1, lambda: ONE.posterior([RESPONSES], [PATIENTS], 0.1))
    fujikawa = BasketDesign((24,) * 3, PowerPrior("Fujikawa"), 0.2, 0.99)
    timed("Fujikawa, 3 baskets of 24, exact", 0.2, lambda: fujikawa.enumerate().characteristics([0.2, 0.2, 0.5]))
    design = BasketDesign((20, 20, 10, 10), TWO, 0.1, (0.9, 0.9, 0.8, 0.8), inclusive=False, least_mean=0.2)
    timed("EXNEX of 2016, all 53,361 outcomes, exact", 5.0, design.enumerate)
