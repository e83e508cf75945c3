"""Benchmarks of CA-125, its combination with RECIST, and time to event, on many patients.

Run: python benchmarks/endpoints_marker.py [PATIENTS]. Prints medians of five runs, and ratios to the limit of 2 s on
one core.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from posology.endpoints import ca125, gcig, recist, survival
from posology.endpoints.kaplan_meier import kaplan_meier

SAMPLES, LIMIT_S = 10, 2.0


def main(patients: int) -> None:
    chance = np.random.default_rng(853)
    shape = (patients, SAMPLES)
    value = np.exp(chance.normal(5.5, 1, (patients, 1)) + chance.normal(-0.1, 0.3, shape).cumsum(axis=1))
    day = np.arange(SAMPLES) * 21 - 5 + chance.integers(-3, 4, shape)
    upper, start = np.full(patients, 35.0), np.zeros(patients, dtype=np.int64)
    target = chance.choice([recist.Response.SD, recist.Response.PR, recist.Response.PD], shape, p=[0.6, 0.3, 0.1])
    other = np.full(shape, recist.Response.NON_CR_NON_PD)
    new, nothing = np.zeros(shape, dtype=bool), np.full(shape, np.nan)
    overall = recist.overall(target, other, new)
    scans = recist.Assessments(
        day=day,
        sum_mm=nothing,
        measured_mm=nothing,
        nadir_mm=nothing,
        target=target,
        non_target=other,
        overall=overall,
        new=new,
        new_lesions=new.astype(int),
        new_mm=nothing,
        non_target_increased=new,
        reason=new.astype(int),
    )
    found = ca125.assess_ca125(value, day, upper, start)

    dates = lambda days: np.datetime64("2013-01-01") + days.astype("timedelta64[D]")
    first = dates(chance.integers(0, 365, patients))
    visits = first[:, None] + (np.arange(1, SAMPLES + 1) * 42 + chance.integers(-5, 6, shape)).astype("timedelta64[D]")
    death = first + chance.integers(30, 900, patients).astype("timedelta64[D]")
    therapy = np.where(chance.random(patients) < 0.2, death - np.timedelta64(40, "D"), np.datetime64("NaT", "D"))
    histories = survival.Histories(
        first, visits, overall, death=death, new_therapy=np.maximum(therapy, first), last_alive=death
    )
    cutoff = np.datetime64("2014-06-30")
    times = survival.progression_free(histories, cutoff=cutoff)
    days, event = times.days[times.known], times.event[times.known]

    print(f"{patients:,} patients, {SAMPLES} samples or assessments each; one core")
    print(f"{'what':46}{'median s':>10}{'of 2 s':>9}")
    show("CA-125 by GCIG", lambda: ca125.assess_ca125(value, day, upper, start))
    show(
        "best response, RECIST with CA-125",
        lambda: gcig.best_response(scans, found, value, day, upper, start, new[:, 0]),
    )
    show("progression-free survival, FDA", lambda: survival.progression_free(histories, cutoff=cutoff))
    show("overall survival", lambda: survival.overall_survival(histories, cutoff=cutoff))
    show("Kaplan-Meier with the median's interval", lambda: kaplan_meier(days, event).median)


def show(what: str, run: Callable[[], object]) -> None:
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begun)
    median = statistics.median(taken)
    print(f"{what:46}{median:10.3f}{median / LIMIT_S:8.0%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
