"""Benchmarks of designs: exact operating characteristics and simulations, against what peers take and what was asked.

Run: python benchmarks/designs.py [--quick]. Prints the median of several runs in seconds, the limit asked for, their
ratio, and a peer's time where one is known (R packages on a machine of two cores). Last, how far the enumeration is
from what the memory can move, and the simulation from drawing its random numbers.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from posology.designs import Blrm, Boin, Crm, Ewoc, Keyboard, Tally, ThreePlusThree, TiteBoin, TiteCrm, infer
from posology.operating import PotentialOutcomes, Scenario, enumerate_trials, simulate
from posology.operating.calibrate import search
from posology.operating.scenarios import pseudo_uniform

TRUTH = (0.05, 0.15, 0.3, 0.45, 0.6)
SKELETON = (0.05, 0.12, 0.25, 0.4, 0.55)
SEVEN = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)


def every_result(design: Any, truth: Any) -> Any:
    """Enumerate and compute all results."""
    found = enumerate_trials(design).characteristics(truth)
    for result in (found.selection, found.size, found.toxicities, found.accuracy(0.3), found.overdosed(0.3)):
        assert result is not None
    for level in range(design.levels):
        found.patients_at(level)
        found.dlts_at(level)
    return found


def parameter_sets(scenarios: Any) -> Any:
    """Search ten sets of parameters exactly."""
    choices = {"levels": [5], "target": [0.3], "p_saf": np.linspace(0.12, 0.2, 10).tolist()}
    return search(Boin, choices, scenarios, 0.3)


def timed(what: Callable[[], Any], runs: int) -> float:
    """Return the median of several runs, after one to warm up where they are short."""
    if runs > 1:
        what()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        what()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main(quick: bool) -> None:
    """Print the table."""
    boin = enumerate_trials(Boin(5, 0.3))
    many = pseudo_uniform(np.random.default_rng(853), 1000, 5, 0.3)
    patients = PotentialOutcomes.draw(np.random.default_rng(853), 10_000, 36)
    world = Scenario(TRUTH)
    crm, blrm = Crm(5, 0.25, skeleton=SKELETON), Blrm(41, 0.3, doses=tuple(5.0 * k for k in range(1, 42)))
    seen, grid = Tally.of("1NNN 2NNT", 5), Tally.of("1N 2N 3N 4N 5N 6NTN", 41)
    rows: list[tuple[str, Callable[[], Any], int, float | None, str]] = [
        ("CRM, one decision, its posterior known", lambda: crm.decide(seen), 1000, 20e-6, ""),
        ("CRM, one decision anew", lambda: crm.decide_anew(seen), 200, None, ""),
        ("BLRM, 41 levels, what is known of each", lambda: infer(blrm, grid), 3, 1.0, ""),
        (
            "BOIN, 5 levels x 10 cohorts of 3, all results",
            lambda: every_result(Boin(5, 0.3), TRUTH),
            9,
            0.05,
            "BOIN, 10,000 simulated: 6.8 s",
        ),
        ("Keyboard, the same", lambda: every_result(Keyboard(5, 0.3), TRUTH), 9, 0.05, ""),
        ("1,000 further scenarios, selection and means", lambda: boin.characteristics(many).selection, 9, 0.1, ""),
        (
            "1,000 further scenarios, all results",
            lambda: [(c.size, c.overdosed(0.3)) for c in [boin.characteristics(many)]],
            9,
            None,
            "",
        ),
        ("BOIN, 5 levels, one by one to 30, ends", lambda: enumerate_trials(Boin(5, 0.3, cohort=1)), 3, 0.05, ""),
        (
            "BOIN, 5 levels, one by one to 30, all results",
            lambda: every_result(Boin(5, 0.3, cohort=1), TRUTH),
            3,
            1.0,
            "",
        ),
        (
            "search: 10 parameter sets x 100 scenarios (of 1,000 in 60 s)",
            lambda: parameter_sets(many[:100]),
            1,
            0.6,
            "",
        ),
        (
            "BLRM, 5 levels x 10 cohorts of 3",
            lambda: enumerate_trials(Blrm(5, 0.25, doses=(1, 2, 4, 8, 16))),
            1,
            1.0,
            "",
        ),
        (
            "CRM, 5 levels x 10 cohorts of 3",
            lambda: every_result(Crm(5, 0.25, skeleton=SKELETON), TRUTH),
            5,
            0.3,
            "dfcrm, 1,000 simulated: 9.3 s",
        ),
        (
            "CRM, 5 levels, one by one to 30",
            lambda: every_result(Crm(5, 0.25, skeleton=SKELETON, cohort=1), TRUTH),
            3,
            5.0,
            "dfcrm, 1,000 simulated: 25.4 s",
        ),
        (
            "BLRM, 7 levels x 10 cohorts of 3",
            lambda: every_result(Blrm(7, 0.25, doses=(0.15, 0.5, 1, 2, 3.3, 5, 7)), SEVEN),
            3,
            5.0,
            "crmPack, 10 simulated: 11.2 s",
        ),
        (
            "EWOC, 5 levels x 10 cohorts of 3",
            lambda: every_result(Ewoc(5, 0.3, doses=(1, 2, 3, 4, 5)), TRUTH),
            3,
            None,
            "",
        ),
        (
            "3+3 complete, 8 levels",
            lambda: every_result(ThreePlusThree(8), (*SEVEN, 0.5)),
            9,
            0.05,
            "escalation: infeasible at 5",
        ),
        (
            "TITE-CRM, 10,000 trials",
            lambda: simulate(TiteCrm(5, 0.25, skeleton=SKELETON, cohort=1), world, patients),
            3,
            10.0,
            "dfcrm, 1,000: 32 s",
        ),
        (
            "TITE-BOIN, 10,000 trials",
            lambda: simulate(TiteBoin(5, 0.3), world, patients),
            3,
            3.0,
            "TITEgBOIN, 1,000: 86 s",
        ),
        ("BOIN simulated, 10,000 trials", lambda: simulate(Boin(5, 0.3), world, patients), 5, None, "BOIN: 6.8 s"),
    ]
    if not quick:
        rows.append(
            (
                "BOIN, 8 levels x 20 cohorts of 3 (8.8 million ends)",
                lambda: enumerate_trials(Boin(8, 0.3, max_patients=60)),
                1,
                1.0,
                "",
            )
        )
    print(f"{'':62}{'seconds':>9}{'limit':>8}{'of limit':>10}  peer")
    for name, what, runs, limit, peer in rows:
        seconds = timed(what, runs)
        of = "" if limit is None else f"{limit:>8g}{seconds / limit:>10.2f}"
        print(f"{name:62}{seconds:>9.3f}{of:18}  {peer}")
    limits(patients)


def limits(patients: PotentialOutcomes) -> None:
    """Print the limits themselves: moving the tallies through memory, and drawing the patients."""
    ends = enumerate_trials(Boin(5, 0.3, cohort=1))
    seconds = timed(lambda: enumerate_trials(Boin(5, 0.3, cohort=1)), 3)
    words = ends.packing.words + 1
    moved = len(ends.n_paths) * 8 * words
    block = np.ones(8_000_000)
    copy = timed(lambda: block.copy(), 5) / block.nbytes
    print(
        f"\nenumeration: {len(ends.n_paths) / seconds / 1e6:.1f} million ends a second; writing them once would take"
        f" {100 * moved * copy / seconds:.1f} % of it"
    )
    drawn = timed(lambda: PotentialOutcomes.draw(np.random.default_rng(1), *patients.tolerance.shape), 3)
    run = timed(lambda: simulate(Boin(5, 0.3), Scenario(TRUTH), patients), 3)
    print(f"simulation: drawing the patients of 10,000 trials takes {drawn:.3f} s, running BOIN on them {run:.3f} s")


if __name__ == "__main__":
    main("--quick" in sys.argv)
