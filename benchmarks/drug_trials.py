"""Benchmark of drug-driven trials: virtual patients treated at each level of IMGN853's protocol, and designs run on
them.

Run: python benchmarks/drug_trials.py [TRIALS]. Prints the seconds of each part for trials of 30 patients at 7 levels,
the ratio to the limit, and the peak of memory.
"""

from __future__ import annotations

import sys
import time
import tracemalloc

import numpy as np

from posology.designs import Boin, TiteBoin
from posology.operating import Scenario, simulate
from posology.simulation.potential_outcomes import draw_patients

LIMIT = 60.0
LEVELS = np.array([0.15, 0.5, 1.0, 2.0, 3.3, 5.0, 7.0])


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{trials:,} trials of 30 patients, 7 levels, 8 cycles; one run")
    begun = time.perf_counter()
    people = draw_patients(np.random.default_rng(1), trials, 33, lambda p: p.weight_kg[:, None] * LEVELS)
    whole = time.perf_counter() - begun
    print(f"{'patients treated at each level':<40} {whole:>8.2f} s")
    for design in (Boin(7, 0.3, max_patients=30), TiteBoin(7, 0.3, max_patients=30)):
        begun = time.perf_counter()
        simulate(design, Scenario(tuple(people.rate(63)), window=63), people)
        own = time.perf_counter() - begun
        print(f"{type(design).__name__ + ', window of 63 days':<40} {own:>8.2f} s")
        whole += own
    print(
        f"{'all':<40} {whole:>8.2f} s   limit {LIMIT:.0f} s for 1,000 trials   ratio"
        f" {whole / LIMIT * 1000 / trials:.2f}"
    )
    tracemalloc.start()
    draw_patients(np.random.default_rng(1), 200, 33, lambda p: p.weight_kg[:, None] * LEVELS)
    print(f"{'peak memory of a batch':<40} {tracemalloc.get_traced_memory()[1] / 2**20:>8.0f} MiB")


if __name__ == "__main__":
    main()
