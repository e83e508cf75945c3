"""Exposure under regimens in the same patients, and what its intervals hold.

Three kinds of interval, each wider than the one before: between patients; between their cycles as well; and of what
would be measured, with the error of the assay. The uncertainty of the typical parameters is apart from them: it is of
the median.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import e
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from posology.pharmacology.compounds.adc import Compound
from posology.pharmacology.disposition.adc_plasma import Plasma, PlasmaConcentrations
from posology.pharmacology.disposition.adc_states import UNITS
from posology.pharmacology.disposition.linear_compartments import Doses
from posology.pharmacology.nca.auc import segment_auc
from posology.pharmacology.uncertainty.sobol import Prior
from posology.pharmacology.virtual_patients.between_patient import (
    BetweenPatient,
    allometric_factors,
    between_occasion_factors,
    multiply,
)
from posology.pharmacology.virtual_patients.demographics import VirtualPatients
from posology.shared.arrays import Floats
from posology.simulation.regimens.file import RegimenFile, RegimenSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray


Key = TypeVar("Key", str, tuple[str, str, str])
Kind = Literal["patients", "occasions", "observations"]
INTERVAL_MEANING: dict[Kind, str] = {
    "patients": "between patients",
    "occasions": "between patients and between their cycles",
    "observations": "of measured values: between patients, between their cycles, and by the error of measurement",
}
Measure = tuple[str, str, str]
"""Analyte, cycle, and what is measured with its unit."""
BEFORE = 1e-6
"""How long before the end of a cycle its trough is taken [d]."""
BATCH = 2000
"""Patients simulated at once: bounds the memory."""
SETS, PANEL = 128, 20
"""Sets of typical parameters drawn from their priors, and patients in each, who tell how the median moves."""
USED_QUANTITIES = (
    "vc",
    "vp",
    "q",
    "cl",
    "cl_nab",
    "vmax",
    "km",
    "kdec_scale",
    "catabolised",
    "v",
    "fr",
    "metabolite_v",
    "metabolite_cl",
)
"""Quantities that enter the plasma model, beside series and masses."""


@dataclass(frozen=True)
class SamplingPlan:
    """When a regimen is looked at, in days.

    ``begins``, ``ends`` of each cycle (C,), ``lasts`` when its last third begins, ``troughs`` just before it ends: a
    bolus of the next cycle comes at the end itself; a ``grid`` (T,), which of it is ``shown``; when it is ``sampled``
    (S,), in which ``cycle``.
    """

    begins: Floats
    ends: Floats
    lasts: Floats
    troughs: Floats
    grid: Floats
    shown: NDArray[np.int64]
    sampled: Floats
    cycle: NDArray[np.int64]

    @classmethod
    def of(cls, planned: RegimenSpec, samples: tuple[float, ...], doses: Doses) -> SamplingPlan:
        """Lay out the times; without ``samples``, those of a usual schedule, within each cycle."""
        starts, count = planned.starts, len(planned.days)
        begins = starts[::count]  # of each cycle, as it came after delays
        ends = np.append(begins[1:], begins[-1] + planned.interval_days)
        lasts = begins + (ends - begins) * 2 / 3
        longest = float((ends - begins).max())
        after = np.concatenate(
            [np.arange(24) / 24, np.arange(1, min(longest, 28) + 0.01, 0.25), np.arange(29, longest)]
        )
        troughs = ends - BEFORE
        jumps = np.concatenate([starts[1:] - BEFORE, starts])  # to draw a bolus upright
        grid = np.unique(np.concatenate([*(s + after for s in starts), jumps, troughs, lasts]))
        grid = grid[grid <= troughs[-1]]
        infused = doses.end.max(axis=0).reshape(planned.count, -1)[:, -1] - starts  # until the last patient's is in
        sampled, cycle = [], []
        for c, (begin, end) in enumerate(zip(begins, troughs, strict=True)):
            own = starts[c * count : (c + 1) * count]
            usual = [own - begin, own + infused[c * count : (c + 1) * count] - begin, np.array([1.0, 2, 4, 7, 10, 14])]
            days = begin + (np.array(samples) if samples else np.concatenate(usual))
            days = np.unique(np.concatenate([[begin], days[(days < end) & (days > begin)], [end]]))
            sampled.append(days)
            cycle.append(np.full(len(days), c))
        every_few = np.linspace(0, len(grid) - 1, min(len(grid), 200)).astype(np.int64)
        shown = np.union1d(every_few, np.flatnonzero(np.isin(grid, jumps)))
        return cls(begins, ends, lasts, troughs, grid, shown, np.concatenate(sampled), np.concatenate(cycle))


@dataclass(frozen=True)
class RegimenResult:
    """What one regimen came to.

    ``courses`` each analyte (P, T) at the ``times`` shown; ``measures`` of each patient (P,); ``samples`` (P, S) at the
    times sampled, ``below`` the limit of quantification or not; all as the kind of interval holds them. ``uncertain``:
    low and high of each measure's median over the priors, and of the courses' medians, (2, T); none where it was not
    asked for.
    """

    name: str
    compound: Compound
    plan: SamplingPlan
    courses: Mapping[str, Floats]
    measures: Mapping[Measure, Floats]
    samples: Mapping[str, Floats]
    below: Mapping[str, NDArray[np.bool_]]
    mean_dose: float
    uncertain: Mapping[Measure, tuple[float, float]]
    uncertain_courses: Mapping[str, Floats]

    @property
    def times(self) -> Floats:
        """(T,): the times shown [d]."""
        return self.plan.grid[self.plan.shown]


def simulate_regimens(
    held: RegimenFile,
    kind: Kind = "patients",
    *,
    uncertainty: bool = False,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[RegimenResult]:
    """Simulate each regimen in the same patients; the same seed gives the same numbers.

    Raises
    ------
    ValueError
        if the loss of a compound is saturable and occasions are asked for, or no error of measurement is known.
    """
    patients, seed = held.patients.drawn(), held.patients.seed
    drugs = [held.drug(planned) for planned in held.regimens]
    for drug in drugs:
        if kind != "patients" and drug.antibody.vmax.value > 0:
            raise ValueError(
                f"--interval {kind}: {drug.name} has saturable loss, and how clearance differs between cycles is known "
                "for linear loss alone: take --interval patients"
            )
    if kind == "observations":
        for analyte in held.analytes:
            held.measured(analyte)
    normals = _normals(np.random.default_rng([seed, 1]), drugs, len(patients))
    cycles = max(planned.cycles for planned in held.regimens)
    clearance = (
        between_occasion_factors(np.random.default_rng([seed, 2]), len(patients), cycles)
        if kind != "patients"
        else None
    )
    found = []
    for k, (planned, drug) in enumerate(zip(held.regimens, drugs, strict=True)):
        factors = allometric_factors(patients.weight_kg)
        if held.patients.vary:
            factors = multiply(factors, BetweenPatient.of(drug).at(normals))
        noise = np.random.default_rng([seed, 3, k]) if kind == "observations" else None

        def tell(share: float, k: int = k) -> None:
            progress(int(1000 * (k + share)), 1000 * len(drugs))

        found.append(_simulated(held, planned, drug, patients, factors, clearance, noise, uncertainty, tell))
    return found


def _normals(rng: np.random.Generator, drugs: list[Compound], patients: int) -> dict[str, Floats]:
    """Return standard normal deviates (P,) of every quantity that differs between patients, in any of the compounds."""
    normals: dict[str, Floats] = {}
    for drug in drugs:
        new = [name for name in BetweenPatient.of(drug).names if name not in normals]
        normals |= dict(zip(new, rng.standard_normal((patients, len(new))).T, strict=True))
    return normals


def _simulated(
    held: RegimenFile,
    planned: RegimenSpec,
    drug: Compound,
    patients: VirtualPatients,
    factors: Mapping[str, Floats],
    clearance: Floats | None,
    noise: np.random.Generator | None,
    uncertainty: bool,
    progress: Callable[[float], None],
) -> RegimenResult:
    doses = planned.doses(patients)
    plan = SamplingPlan.of(planned, held.samples, doses)
    rows = [np.arange(at, min(at + BATCH, len(patients))) for at in range(0, len(patients), BATCH)]
    parts = []
    for b, own in enumerate(rows):
        plasma = Plasma.of(drug, {name: factor[own] for name, factor in factors.items()})
        changes = None if clearance is None else clearance[own, : planned.cycles]
        parts.append(_batch(held, planned, plan, plasma, _of(doses, own), changes))
        progress((b + 1) / len(rows) / (2 if uncertainty else 1))
    courses, measures, samples = (
        _joined([part[0] for part in parts]),
        _joined([part[1] for part in parts]),
        _joined([part[2] for part in parts]),
    )
    below = {analyte: np.zeros(values.shape, dtype=np.bool_) for analyte, values in samples.items()}
    if noise is not None:
        for analyte in held.analytes:
            error, limit = held.measured(analyte)
            for values in (courses, samples):
                truth = np.maximum(values[analyte], 0)
                measured, low = error.measure(noise, truth, limit)
                none = truth == 0  # nothing has been given yet
                values[analyte] = np.where(none, 0.0, measured)
                if values is samples:
                    below[analyte] = low | none
        measures = _observed(planned, plan, samples, below)
    low_high: dict[Measure, tuple[float, float]] = {}
    bands: dict[str, Floats] = {}
    if uncertainty:
        low_high, bands = _uncertain(held, planned, plan, drug, patients, factors, courses, measures, progress)
    given = (doses.amount.reshape(len(patients), planned.count, -1).sum(axis=2) > 0).sum()
    return RegimenResult(
        planned.name,
        drug,
        plan,
        courses,
        measures,
        samples,
        below,
        float(doses.amount.sum() / max(given, 1)),
        low_high,
        bands,
    )


def _joined(parts: Sequence[Mapping[Key, Floats]]) -> dict[Key, Floats]:
    """Return the patients of each batch, one after the other."""
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _of(doses: Doses, rows: NDArray[np.int64]) -> Doses:
    """Return the doses of some of the patients."""
    return Doses(*(np.atleast_2d(each)[rows] for each in (doses.time, doses.amount, doses.duration)))


def _batch(
    held: RegimenFile, planned: RegimenSpec, plan: SamplingPlan, plasma: Plasma, doses: Doses, clearance: Floats | None
) -> tuple[dict[str, Floats], dict[Measure, Floats], dict[str, Floats]]:
    """Return courses at the times shown, the true measures, and the true values at the times sampled."""

    def course(times: Floats) -> PlasmaConcentrations:
        if clearance is None:
            return plasma.course(times, doses, tolerance=1e-3)
        return plasma.course_by_occasion(times, doses, plan.begins, clearance)

    every = course(np.concatenate([plan.grid, plan.sampled]))
    peaks = course(doses.end)
    linear = not (plasma["antibody.vmax"] > 0).any()
    edges = np.append(plan.begins, plan.ends[-1])
    areas: dict[str, Floats] | None = None
    if clearance is not None:
        found = plasma.areas_by_occasion(edges, doses, clearance)
        areas = {analyte: found.of(analyte) for analyte in held.analytes}
    elif linear:
        found = plasma.areas(edges, doses)
        areas = {analyte: np.diff(found.of(analyte), axis=1) for analyte in held.analytes}
    courses: dict[str, Floats] = {}
    measures: dict[Measure, Floats] = {}
    samples: dict[str, Floats] = {}
    n = len(plan.grid)
    for analyte in map(str, held.analytes):
        values, at_end, unit = every.of(analyte), peaks.of(analyte), UNITS[analyte]
        courses[analyte], samples[analyte] = values[:, :n][:, plan.shown], values[:, n:]
        for k in sorted({0, planned.cycles - 1}):
            inside = (plan.grid >= plan.begins[k] - 1e-9) & (plan.grid <= plan.troughs[k])
            late, trough = (values[:, np.abs(plan.grid - day[k]).argmin()] for day in (plan.lasts, plan.troughs))
            if analyte == "dar":
                measures[analyte, str(k + 1), "at the end (1)"] = trough
                continue
            infused = (doses.end >= plan.begins[k]) & (doses.end <= plan.troughs[k])
            falls = (late > trough) & (trough > 0)
            ratio = np.where(falls, late, e) / np.where(falls, trough, 1)
            area = areas[analyte][:, k] if areas else _area(plan, k, values[:, :n], doses.end, at_end)
            peak = np.maximum(values[:, :n][:, inside].max(axis=1), np.where(infused, at_end, 0).max(axis=1))
            named = {
                f"Cmax ({unit})": peak,
                f"AUC (d x {unit})": area,
                f"Ctrough ({unit})": trough,
                "half-life (d)": np.where(falls, np.log(2) * (plan.ends[k] - plan.lasts[k]) / np.log(ratio), np.inf),
            }
            measures |= {(analyte, str(k + 1), measure): each for measure, each in named.items()}
    return courses, measures, samples


def _area(plan: SamplingPlan, k: int, values: Floats, ends: Floats, at_ends: Floats) -> Floats:
    """Return the area (P,) in cycle ``k`` by trapezoids over the grid and the ends of infusions."""
    time = np.concatenate([np.broadcast_to(plan.grid, values.shape), ends], axis=1)
    order = np.argsort(time, axis=1)
    t = np.take_along_axis(time, order, axis=1)
    c = np.take_along_axis(np.concatenate([values, at_ends], axis=1), order, axis=1)
    own = (t[:, :-1] > plan.begins[k] - BEFORE / 2) & (t[:, 1:] < plan.ends[k] - BEFORE / 2)
    return np.asarray((own * (c[:, :-1] + c[:, 1:]) / 2 * np.diff(t, axis=1)).sum(axis=1))


def _observed(
    planned: RegimenSpec, plan: SamplingPlan, samples: Mapping[str, Floats], below: Mapping[str, NDArray[np.bool_]]
) -> dict[Measure, Floats]:
    """Return what measured samples show of each cycle: the greatest, linear-up log-down trapezoids, the last.

    In the areas a value below the limit of quantification counts half of it.
    """
    measures: dict[Measure, Floats] = {}
    for analyte, values in samples.items():
        unit = UNITS[analyte]
        for k in sorted({0, planned.cycles - 1}):
            own = plan.cycle == k
            held, time = values[:, own], plan.sampled[own] - plan.begins[k]
            if analyte == "dar":
                measures[analyte, str(k + 1), "at the end (1)"] = held[:, -1]
                continue
            counted = np.where(below[analyte][:, own], held / 2, held)
            area, _ = segment_auc(np.broadcast_to(time, held.shape), counted)
            measures[analyte, str(k + 1), f"Cmax ({unit})"] = held.max(axis=1)
            measures[analyte, str(k + 1), f"AUC (d x {unit})"] = area.sum(axis=1)
            measures[analyte, str(k + 1), f"Ctrough ({unit})"] = held[:, -1]
    return measures


def uncertain(drug: Compound) -> dict[str, Prior]:
    """Return the priors of the quantities that enter the plasma model and are uncertain."""
    shares = ("linker.catabolised", "payload.fr")
    return {
        name: Prior(q, "odds" if name in shares else "log-normal")
        for name, q in drug.quantities().items()
        if q.cv > 0
        and q.value > 0
        and name.split(".")[1] in USED_QUANTITIES
        and (drug.antibody.vmax.value > 0 or name != "antibody.km")
    }


def _uncertain(
    held: RegimenFile,
    planned: RegimenSpec,
    plan: SamplingPlan,
    drug: Compound,
    patients: VirtualPatients,
    factors: Mapping[str, Floats],
    courses: Mapping[str, Floats],
    measures: Mapping[Measure, Floats],
    progress: Callable[[float], None],
) -> tuple[dict[Measure, tuple[float, float]], dict[str, Floats]]:
    """Return low and high of the median of each measure and of each course, over the priors of the typical parameters.

    Sets of parameters are drawn (a scrambled Sobol sequence); the first patients take the regimen under each. How far
    their median moves from that under the parameters as they are is the factor on the median of all patients.
    """
    from scipy.stats import norm, qmc

    priors = uncertain(drug)
    tail = (1 - held.interval) / 2
    if not priors:
        same = {key: (_median(each), _median(each)) for key, each in measures.items()}
        return same, {name: np.stack([np.median(each, axis=0)] * 2) for name, each in courses.items()}
    few = np.arange(min(PANEL, len(patients)))
    unit = qmc.Sobol(len(priors), rng=np.random.default_rng([held.patients.seed, 4])).random(SETS)
    drawn = np.stack(
        [prior.at(norm.ppf(unit[:, j])) / prior.quantity.value for j, prior in enumerate(priors.values())], axis=1
    )
    sets = np.concatenate([np.ones((1, len(priors))), drawn])  # the first as they are
    people, size = patients.chosen(few), len(few)
    doses, own = planned.doses(people), {name: np.broadcast_to(f, len(patients))[few] for name, f in factors.items()}
    medians: list[tuple[dict[str, Floats], dict[Measure, float]]] = []
    step = max(1, BATCH // size)
    for at in range(0, len(sets), step):
        some = sets[at : at + step]
        tiled = {name: np.tile(factor, len(some)) for name, factor in own.items()}
        moved = {name: np.repeat(some[:, j], size) for j, name in enumerate(priors)}
        rows = np.tile(np.arange(size), len(some))
        curves, found, _ = _batch(held, planned, plan, Plasma.of(drug, multiply(tiled, moved)), _of(doses, rows), None)
        for s in range(len(some)):
            part = slice(s * size, (s + 1) * size)
            medians.append(
                (
                    {name: np.median(each[part], axis=0) for name, each in curves.items()},
                    {key: _median(each[part]) for key, each in found.items()},
                )
            )
        progress(0.5 + 0.5 * (at + len(some)) / len(sets))
    low_high = {}
    for key, values in measures.items():
        moves = np.array([each[key] for _, each in medians])
        if np.isfinite(moves).all() and moves[0] > 0:
            low, high = np.quantile(moves[1:] / moves[0], [tail, 1 - tail]) * _median(values)
            low_high[key] = (float(low), float(high))
    bands = {}
    for name, each in courses.items():
        moves = np.stack([curve[name] for curve, _ in medians])
        ratio = np.divide(moves[1:], moves[0], out=np.ones_like(moves[1:]), where=moves[0] > 0)
        bands[name] = np.quantile(ratio, [tail, 1 - tail], axis=0) * np.median(each, axis=0)
    return low_high, bands


def quantiles(values: Floats, shares: Sequence[float]) -> Floats:
    """Return quantiles, interpolated between two patients; infinite where one of the two is."""
    upper = np.quantile(values, shares, method="higher")
    lower = np.quantile(values, shares, method="lower")
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.where(np.isfinite(upper), np.quantile(values, shares), np.where(upper == lower, upper, np.inf))
        )


def _median(values: Floats) -> float:
    return float(quantiles(values, [0.5])[0])


def ratios(other: RegimenResult, reference: RegimenResult) -> dict[Measure, Floats]:
    """Return each patient's measure under one regimen over that under another, (P,): of the first and of the last
    cycle.

    Areas are per day, so that cycles of different length compare. Half-lives are left out.
    """
    compared = {}
    last = (str(len(other.plan.begins)), str(len(reference.plan.begins)))
    for (analyte, cycle, measure), values in other.measures.items():
        for name, ours, theirs in (("first", "1", "1"), ("last", *last)):
            key = (analyte, theirs, measure)
            if (
                cycle != ours
                or key not in reference.measures
                or measure.startswith("half-life")
                or (name == "last" and last == ("1", "1"))
            ):
                continue

            def days(plan: SamplingPlan, c: str) -> float:
                return float(plan.ends[int(c) - 1] - plan.begins[int(c) - 1])

            per_day = days(reference.plan, theirs) / days(other.plan, ours) if measure.startswith("AUC") else 1.0
            divisor = reference.measures[key]
            told = "AUC per day" if measure.startswith("AUC") else measure.split(" (")[0]
            compared[analyte, name, told] = np.divide(
                values * per_day, divisor, out=np.full_like(values, np.nan), where=divisor > 0
            )
    return compared
