"""Benchmark of the plasma model: virtual patients for a year, ten infusions, weekly output, by the exact chain of 20
states.

Run: python benchmarks/pharmacology_plasma.py [PATIENTS]. Prints medians of five runs, ratios to the limit, and the time
of a cold `posology --help`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from posology.pharmacology.compounds.library import IMGN853, IMGN853_SATURABLE
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.dosing_regimen import Regimen
from posology.pharmacology.disposition.linear_compartments import concentration
from posology.pharmacology.virtual_patients.between_patient import BetweenPatient, allometric_factors, multiply
from posology.pharmacology.virtual_patients.demographics import VirtualPatients

LIMIT = 0.3
WEEKS = np.arange(0, 365.0, 7)


def timed(work: Callable[[], object], runs: int = 5) -> float:
    work()
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rng = np.random.default_rng(853)
    patients = VirtualPatients.draw(rng, n)
    factors = multiply(allometric_factors(patients.weight_kg), BetweenPatient.of(IMGN853).draw(rng, n))
    plasma = Plasma.of(IMGN853, factors)
    flat, steps = (Regimen(6, cycles=10, hours=hours).doses(patients.weight_kg) for hours in (2.4, None))
    get = {name: plasma[f"antibody.{name}"] for name in ("cl", "vc", "q", "vp")}

    print(f"{n:,} patients, 365 days, 10 infusions, {len(WEEKS)} weekly outputs; medians of 5 runs")
    rows: list[tuple[str, Callable[[], object]]] = [
        (
            "two compartments, closed form",
            lambda: concentration(WEEKS, flat, get["cl"], get["vc"], get["q"], get["vp"]),
        ),
        ("chain of 20 states, exact, infusions of 2.4 h", lambda: plasma.course(WEEKS, flat)),
        ("the same, infusions in three steps of rate", lambda: plasma.course(WEEKS, steps)),
    ]
    for what, work in rows:
        seconds = timed(work)
        print(f"{what:<52} {seconds:>8.3f} s   limit {LIMIT:.2f} s (8 states)   ratio {seconds / LIMIT:>5.2f}")
    few = {name: factor[: max(1, n // 10)] for name, factor in factors.items()}
    saturable = Plasma.of(IMGN853_SATURABLE, few)
    first = Regimen(0.5, cycles=3, hours=2.4).doses(patients.weight_kg[: max(1, n // 10)])
    seconds = timed(lambda: saturable.course(WEEKS[:10], first, tolerance=1e-4), runs=3)
    print(f"{'saturable, a tenth of the patients, 63 days':<52} {seconds:>8.3f} s")
    for doubled in (n, 2 * n):
        again = {name: np.resize(factor, doubled) for name, factor in factors.items()}
        tracemalloc.start()
        Plasma.of(IMGN853, again).course(
            WEEKS, Regimen(6, cycles=10, hours=2.4).doses(np.resize(patients.weight_kg, doubled))
        )
        print(f"{f'memory, {doubled:,} patients':<52} {tracemalloc.get_traced_memory()[1] / 1e6:>8.0f} MB")
        tracemalloc.stop()
    call = [sys.executable, "-m", "posology", "--help"]
    start = timed(lambda: subprocess.run(call, check=True, capture_output=True))
    print(f"{'posology --help':<52} {start:>8.3f} s")


if __name__ == "__main__":
    main()
