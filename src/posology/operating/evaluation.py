"""The operating characteristics of any design as plain data: exact where counts say it all, simulated where time
matters.

What the commands, the comparison and the statistical section show comes from here, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posology.designs.a_plus_b import APlusB
from posology.designs.backfill import BfBoin
from posology.designs.blrm import Blrm
from posology.designs.ewoc import Ewoc
from posology.designs.inference import innermost
from posology.designs.interval import IntervalDesign
from posology.designs.model_based import ModelBasedDesign
from posology.designs.modifiers.base import Modifier
from posology.designs.modifiers.stop_toxic import StopToxic
from posology.designs.tally import DependsOn, Design, level_number_or_none
from posology.designs.three_plus_three import ThreePlusThree
from posology.designs.time_to_event import RollingSix
from posology.operating.characteristics import Characteristics
from posology.operating.exact import enumerate_trials
from posology.operating.exact_graded import DLT, check_grades, enumerate_graded
from posology.operating.simulate import PotentialOutcomes, Scenario, simulate
from posology.operating.simulation_results import SimulationResults
from posology.operating.too_large import TooLarge
from posology.shared.arrays import Floats, Ints


@dataclass(frozen=True)
class Simulation:
    """How trials are simulated: how many, from which seed, and the world (the options of Scenario but its truth)."""

    trials: int = 10_000
    seed: int = 1
    world: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.trials < 10:
            raise ValueError(f"{self.trials} simulated trials say nothing: simulate 10 or more, 10,000 as a rule")


def evaluate(
    design: Design,
    truths: Sequence[Sequence[float]],
    target: float | None = None,
    *,
    simulation: Simulation | None = None,
    grades: Sequence[Sequence[float]] = (),
    acceptable: tuple[float, float] | None = None,
) -> list[dict[str, Any]]:
    """Return a design's operating characteristics under each scenario, as plain data; level numbers from 1.

    Parameters
    ----------
    design
        any design. One that depends on time is simulated, whether asked to or not; the result says which.
    truths
        true DLT rates of each level, a scenario each.
    target
        the target DLT rate; without it nothing is said of correct selection.
    simulation
        simulate, and how; exact where not given and the design depends on counts.
    grades
        instead of truths: for each level the chances of grades 0, 1, ... of toxicity; 3 or worse is a DLT.
    acceptable
        a range of true DLT rates: how often a level within it is selected.

    Raises
    ------
    ValueError
        if a scenario has not one rate for each level; a design that scores grades has none; an enumeration is too
        large.

    Examples
    --------
    >>> from posology.designs import Boin, TiteBoin
    >>> data = evaluate(Boin(3, 0.3, max_patients=12), [[0.1, 0.3, 0.5]], 0.3)[0]
    >>> data["exact"], data["true_mtd"], round(data["correct"], 3)
    (True, 2, 0.601)
    >>> evaluate(TiteBoin(3, 0.3, max_patients=12), [[0.1, 0.3, 0.5]], 0.3, simulation=Simulation(100))[0]["exact"]
    False
    """
    if grades:
        truths = [_dlt_rates(grades, design.levels)]
    for truth in truths:
        if len(truth) != design.levels:
            raise ValueError(f"the truth has {len(truth)} rates; the design has {design.levels} levels")
    if design.depends_on is DependsOn.SCORES and not grades:
        raise ValueError(
            f"{type(innermost(design)).__name__} depends on {design.depends_on}: give the chances of the grades at each"
            " level"
        )
    if simulation is None and design.depends_on is DependsOn.TIME:
        simulation = Simulation()
    if simulation is not None:
        return [_simulated(design, list(truth), target, simulation, grades, acceptable) for truth in truths]
    if grades:
        return [_graded(design, grades, target)]
    return _exact(design, truths, target, acceptable)


def patients_to_draw(design: Design, dropout: float) -> int:
    """Return how many patients to draw for a trial, so that it will not run out of them."""
    most = getattr(design, "max_patients", None) or 6 * design.levels + 6
    beside = innermost(design)
    most += beside.cap * design.levels if isinstance(beside, BfBoin) else 0
    return int(np.ceil((most + 6) / (1 - dropout) * 1.5)) if dropout else most + 3


def planned_patients(design: Design) -> int | None:
    """Return the number of patients after which a design ends; None where it has no such number."""
    return getattr(design, "max_patients", None) if hasattr(innermost(design), "max_patients") else None


def _dlt_rates(grades: Sequence[Sequence[float]], levels: int) -> list[float]:
    if len({len(each) for each in grades}) > 1:
        raise ValueError("give the same number of grades at each level")
    return [float(p) for p in check_grades(grades, levels)[:, DLT:].sum(axis=1)]


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else value


def _graded(design: Design, grades: Sequence[Sequence[float]], target: float | None) -> dict[str, Any]:
    found = enumerate_graded(design, [list(each) for each in grades])
    data: dict[str, Any] = {
        "truth": found.truth[0].tolist(),
        "grades": [list(each) for each in grades],
        "selection": found.selection[0, 1:].tolist(),
        "no_mtd": float(found.selection[0, 0]),
        "patients": found.patients[0].tolist(),
        "dlts": found.dlts[0].tolist(),
        "expected_patients": float(found.patients.sum()),
        "expected_dlts": float(found.dlts.sum()),
        "exact": True,
        "sample_size": {int(n): float(p) for n, p in zip(found.sizes, found.size_chances[0], strict=True)},
    }
    if design.depends_on is DependsOn.SCORES:
        data["dlt_rates"] = _dlt_rates(grades, design.levels)  # the truth is the mean score
    if target is not None:
        data |= {
            "target": target,
            "true_mtd": level_number_or_none(int(found.true_mtd(target)[0])),
            "correct": float(found.correct(target)[0]),
        }
    return data


def _exact(
    design: Design, truths: Sequence[Sequence[float]], target: float | None, acceptable: tuple[float, float] | None
) -> list[dict[str, Any]]:
    try:
        found = enumerate_trials(design).characteristics(np.array(truths, dtype=np.float64))
    except TooLarge as error:
        raise ValueError(f"{error}; on the command line add --simulate 10000") from None
    columns = _Columns.of(design, found, target, acceptable)
    return [columns.row(s) for s in range(len(truths))]


@dataclass(frozen=True)
class _Columns:
    """Exact results of all scenarios at once, so that each is computed once."""

    found: Characteristics
    shared: dict[str, Any]
    by_scenario: dict[str, Floats]
    endings: dict[str, Floats]
    distributions: dict[str, list[tuple[Any, Floats]]]
    true_mtd: Any

    @classmethod
    def of(
        cls, design: Design, found: Characteristics, target: float | None, acceptable: tuple[float, float] | None
    ) -> _Columns:
        planned = planned_patients(design)
        values: dict[str, Floats] = {}
        shared: dict[str, Any] = {"exact": True, "ends": len(found.ends.n_paths)}
        if target is not None:
            shared["target"] = target
            values |= {
                "correct": found.correct(target),
                "overdosed_60": found.overdosed(target),
                "overdosed_80": found.overdosed(target, 0.8),
                "accuracy": found.accuracy(target),
            }
        if acceptable is not None:
            shared["acceptable"] = list(acceptable)
            values["within"] = found.within(*acceptable)
        if planned is not None:
            values["stopped_early"] = found.stopped_early(planned)
        levels = range(design.levels)
        distributions = {
            "sample_size": [found.size],
            "patients_distribution": [found.patients_at(j) for j in levels],
            "dlts_distribution": [found.dlts_at(j) for j in levels],
        }
        mtd = None if target is None else found.true_mtd(target)
        return cls(found, shared, values, found.endings(planned), distributions, mtd)

    def row(self, s: int) -> dict[str, Any]:
        found = self.found
        spread = {
            name: [{int(n): float(p) for n, p in zip(ns, ps[s], strict=True) if p > 0} for ns, ps in each]
            for name, each in self.distributions.items()
        }
        data: dict[str, Any] = {
            "truth": found.truth[s].tolist(),
            "selection": found.selection[s, 1:].tolist(),
            "no_mtd": float(found.selection[s, 0]),
            "patients": found.patients[s].tolist(),
            "dlts": found.dlts[s].tolist(),
            "expected_patients": float(found.patients[s].sum()),
            "expected_dlts": float(found.dlts[s].sum()),
            **spread,
            "sample_size": spread["sample_size"][0],
            "endings": {why: float(chance[s]) for why, chance in self.endings.items()},
            **self.shared,
        }
        if self.true_mtd is not None:
            data["true_mtd"] = level_number_or_none(int(self.true_mtd[s]))
        return data | {name: _defined(float(values[s])) for name, values in self.by_scenario.items()}


def _simulated(
    design: Design,
    truth: list[float],
    target: float | None,
    simulation: Simulation,
    grades: Sequence[Sequence[float]],
    acceptable: tuple[float, float] | None,
) -> dict[str, Any]:
    world = simulation.world | ({"grades": tuple(map(tuple, grades))} if grades else {})
    scenario = Scenario(tuple(truth), **world)
    patients = PotentialOutcomes.draw(
        np.random.default_rng(simulation.seed), simulation.trials, patients_to_draw(design, scenario.dropout)
    )
    found = simulate(design, scenario, patients)
    days, error = found.mean_duration
    data: dict[str, Any] = {
        "truth": truth,
        "selection": found.selection[1:].tolist(),
        "selection_error": found.selection_error[1:].tolist(),
        "no_mtd": float(found.selection[0]),
        "patients": found.patients.tolist(),
        "patients_error": found.patients_error.tolist(),
        "dlts": found.dlts.tolist(),
        "dlts_error": found.dlts_error.tolist(),
        "expected_patients": float(found.patients.sum()),
        "expected_dlts": float(found.dlts.sum()),
        "days": days,
        "days_error": error,
        "exact": False,
        "trials": simulation.trials,
        "seed": simulation.seed,
        "window": scenario.window,
        "patients_a_month": scenario.accrual * 28,
        "arrivals": scenario.arrivals,
        "endings": {why: share for why, (share, _) in found.endings(planned_patients(design)).items()},
    }
    if isinstance(innermost(design), BfBoin):
        data |= _backfilling(found, scenario)
    if target is not None:
        (correct, e1), (over, e2) = found.correct(target), found.overdosed(target)
        data |= {
            "target": target,
            "true_mtd": level_number_or_none(found.true_mtd(target)),
            "correct": correct,
            "correct_error": e1,
            "overdosed_60": over,
            "overdosed_60_error": e2,
            "accuracy": _defined(found.accuracy(target)),
        }
    if acceptable is not None:
        within, e3 = found.within(*acceptable)
        data |= {"acceptable": list(acceptable), "within": within, "within_error": e3}
    return data


def _backfilling(found: SimulationResults, scenario: Scenario) -> dict[str, Any]:
    def mean(counts: Ints) -> Any:
        return counts.mean(axis=0).tolist()

    return {
        "response": list(scenario.response),
        "backfilled": mean(found.backfilled),
        "expected_backfilled": float(found.backfilled.sum(axis=1).mean()),
        "responses": mean(found.responses),
        "obd_selection": found.obd_selection[1:].tolist(),
        "no_obd": float(found.obd_selection[0]),
    }


def safety_stop(design: Design) -> str:
    """Say when a design ends a trial because its lowest level is too toxic.

    >>> from posology.designs import Boin, Crm
    >>> safety_stop(Boin(3, 0.3))
    'Pr(rate at level 1 > 0.3) above 0.95, from 3 patients on'
    >>> safety_stop(Crm(3, 0.25, skeleton=(0.1, 0.25, 0.4)))
    'none'
    """
    stops = []
    while isinstance(design, Modifier):
        if isinstance(design, StopToxic):
            stops.append(
                f"Pr(rate at level 1 > {design.rate:g}) above {design.chance:g}, from {design.patients} patients on"
            )
        design = design.design
    own = _own_stop(design)
    return "; ".join([*stops, *([own] if own else [])]) or "none"


def _own_stop(design: Design) -> str:
    match design:
        case IntervalDesign():
            cutoff = design.elimination - design.extra_safe
            if cutoff >= 1:
                return ""
            return f"Pr(rate at level 1 > {design.target:g}) above {cutoff:g}, from {design.eliminate_from} patients on"
        case ModelBasedDesign():
            stops = []
            if isinstance(design, Blrm):
                stops.append(f"Pr(rate at level 1 > {design.interval[1]:g}) above {design.overdose:g}")
            if isinstance(design, Ewoc) and design.range[0] < design.doses[0]:
                stops.append(f"Pr(MTD below the dose of level 1) above {design.overdose:g}")
            if design.stop_toxic is not None:
                rate = design.stop_toxic_rate or design.target
                stops.append(
                    f"Pr(rate at level 1 > {rate:g}) above {design.stop_toxic:g}, from {design.stop_toxic_from}"
                    " patients on"
                )
            return "; ".join(stops)
        case APlusB():
            return f"more than {design.d} DLTs of {design.a}, or {design.e} of {design.a + design.b}, at level 1"
        case ThreePlusThree() | RollingSix():
            return "two DLTs at level 1"
        case _:
            return ""
