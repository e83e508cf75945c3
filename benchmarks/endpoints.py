"""Benchmark of the endpoints: RECIST 1.1 from lesions, iRECIST, best responses and CA-125 of very many patients.

Run: python benchmarks/endpoints.py [PATIENTS]. Prints seconds a step on one core, and the peak memory; the limit is 10
s and 4 GB for 100,000 patients with 10 assessments of 6 lesions.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from posology.endpoints import ca125, irecist
from posology.endpoints.lesion_findings import check_lesions
from posology.endpoints.recist import RECIST_11, Lesions, Role, Status, assess, best_response

ASSESSMENTS, TARGETS, OTHERS = 10, 5, 1
LIMIT_S, LIMIT_GB = 10.0, 4.0


def lesions(patients: int, chance: np.random.Generator) -> Lesions:
    """Make measurements: five target lesions, one of them a node, and a non-target lesion, every 42 days; a few not
    evaluable."""
    each = TARGETS + OTHERS
    shape = (patients, ASSESSMENTS, each)
    patient, assessment, lesion = (axis.ravel() for axis in np.indices(shape))
    size = chance.uniform(15, 60, (patients, 1, each)) * np.exp(np.cumsum(chance.normal(-0.03, 0.12, shape), axis=1))
    other = lesion >= TARGETS
    status = np.where(other, Status.PRESENT, Status.MEASURED)
    status[(chance.random(len(patient)) < 0.002) & (assessment > 0)] = Status.NOT_EVALUABLE
    diameter = np.where(status == Status.MEASURED, size.ravel(), np.nan)
    role = np.where(other, Role.NON_TARGET, Role.TARGET)
    return Lesions(patient, assessment, lesion, 42 * assessment, role, status, lesion == 0, diameter)


def main() -> None:
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    chance = np.random.default_rng(853)
    rows = lesions(patients, chance)
    start, followed = np.full(patients, 1), np.ones(patients, dtype=bool)
    value = 500 * np.exp(np.cumsum(chance.normal(-0.1, 0.3, (patients, ASSESSMENTS)), axis=1))
    day = np.tile(42 * np.arange(ASSESSMENTS) - 5, (patients, 1))
    limit = np.full(patients, 35.0)
    made_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    total = 0.0

    def timed(what: str, run: Callable[[], Any]) -> Any:
        nonlocal total
        begun = time.perf_counter()
        result = run()
        took = time.perf_counter() - begun
        total += took
        print(f"{what:<44}{took:>8.2f} s")
        return result

    print(f"{patients} patients x {ASSESSMENTS} assessments x {TARGETS + OTHERS} lesions, one core")
    timed("findings", lambda: check_lesions(rows, [str(i) for i in range(patients)], start=start))
    seen = timed("RECIST 1.1 from lesions", lambda: assess(rows, patients, ASSESSMENTS))
    for days in (28, 0):
        rules = replace(RECIST_11, confirmation_days=days)
        timed(
            f"best response, {'confirmed' if days else 'not confirmed'}",
            lambda rules=rules: best_response(seen.overall, seen.day, start, followed, rules),
        )
    timed("iRECIST and its best response", lambda: irecist.best(irecist.assess(seen), seen.day, start, followed))
    timed("CA-125", lambda: ca125.assess_ca125(value, day, limit, start))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{'all':<44}{total:>8.2f} s   {total / LIMIT_S:.0%} of the limit of {LIMIT_S:g} s")
    print(
        f"{'peak memory':<44}{peak:>8.2f} GB  {peak / LIMIT_GB:.0%} of the limit of {LIMIT_GB:g} GB ({made_gb:.2f} GB"
        " of it the data)"
    )


if __name__ == "__main__":
    main()
