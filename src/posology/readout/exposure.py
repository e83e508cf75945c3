"""Exposure under regimens: a file of regimens, virtual or listed patients, a table and a figure with prediction intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import e
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MinLen

from posology.endpoints.body_size import Metric, adjusted_ideal_weight, dose_mg, ideal_weight, surface_area
from posology.operating.tabular import Table
from posology.pharmacology.compound import Compound
from posology.pharmacology.compounds import COMPOUNDS
from posology.pharmacology.linear import Doses
from posology.pharmacology.plasma import UNITS, Plasma
from posology.pharmacology.population import TUMOUR_TYPES, Patients, Variability, by_weight, combined
from posology.pharmacology.regimen import LABEL_RATES, Regimen, spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

JUST = 1e-8
"""How long before a dose its trough is taken [d]."""
Analyte = Literal["adc", "naked", "antibody", "payload", "metabolite"]
TITLES = {"adc": "Conjugate", "naked": "Naked antibody", "antibody": "All antibody", "payload": "Free payload",
          "metabolite": "Methylated metabolite"}  # fmt: skip
UNIT_OF: dict[Metric, str] = {
    "total body weight": "mg/kg", "ideal body weight": "mg/kg", "adjusted ideal body weight": "mg/kg",
    "body surface area": "mg/m2", "flat": "mg",
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """A patient listed by hand."""

    weight_kg: Annotated[float, Ge(10), Le(400)]
    height_cm: Annotated[float, Ge(100), Le(250)]
    sex: Literal["F", "M"]


@dataclass(frozen=True)
class People:
    """Who is treated: so many virtual patients of a mix of tumour types, or patients listed by hand."""

    number: Annotated[int, Ge(1), Le(100_000)] = 1000
    seed: Annotated[int, Ge(0)] = 1
    tumour_types: dict[str, Annotated[float, Gt(0), Le(1)]] = field(default_factory=lambda: {"ovarian": 1.0})
    listed: tuple[Person, ...] = ()
    vary: bool = True

    def drawn(self) -> Patients:
        """Return the patients."""
        rng = np.random.default_rng(self.seed)
        if not self.listed:
            return Patients.draw(rng, self.number, [(TUMOUR_TYPES[name], s) for name, s in self.tumour_types.items()])
        some = vars(Patients.draw(rng, len(self.listed)))
        own = {name: np.array([getattr(p, name) for p in self.listed]) for name in ("sex", "weight_kg", "height_cm")}
        return Patients(**{**some, **own})


@dataclass(frozen=True)
class Change:
    """What happens to one dose: put off by days (those after it as well), or given at a factor; 0 is a dose missed."""

    dose: Annotated[int, Ge(1)]
    delay_days: Annotated[float, Ge(0)] = 0.0
    factor: Annotated[float, Ge(0), Le(10)] = 1.0


@dataclass(frozen=True)
class Planned:
    """A regimen as written: the dose with its unit and the body size it goes by."""

    name: str
    dose: Annotated[float, Gt(0)]
    unit: Literal["mg/kg", "mg/m2", "mg"]
    body_size: Metric
    cycles: Annotated[int, Ge(1), Le(200)] = 1
    interval_days: Annotated[float, Gt(0), Le(365)] = 21.0
    days: Annotated[tuple[int, ...], MinLen(1)] = (1,)
    hours: Annotated[float, Ge(0), Le(24)] | None = None
    changes: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        if UNIT_OF[self.body_size] != self.unit:
            raise ValueError(f"unit {self.unit} does not match {self.body_size}: it must be {UNIT_OF[self.body_size]}")
        doses = [change.dose for change in self.changes]
        if doses != sorted(set(doses)):
            raise ValueError(f"changes name the doses {doses}: each once, in order")
        if doses and doses[-1] > self.cycles * len(self.days):
            raise ValueError(f"changes name dose {doses[-1]}: there are {self.cycles * len(self.days)}")
        self.regimen  # noqa: B018 (raises if the days are out of order)

    @property
    def regimen(self) -> Regimen:
        """The regimen."""
        return Regimen(self.dose, self.cycles, self.interval_days, self.days, self.hours, LABEL_RATES)

    def doses(self, patients: Patients) -> Doses:
        """Return what the patients are given."""
        regimen, n = self.regimen, self.cycles * len(self.days)
        factor, delay = np.ones(n), np.zeros(n)
        for change in self.changes:
            factor[change.dose - 1], delay[change.dose - 1] = change.factor, change.delay_days
        mg = dose_mg(self.dose, self.body_size, patients.weight_kg, patients.height_cm, patients.sex)
        return regimen.doses(mg / self.dose, factor, delay)


@dataclass(frozen=True)
class Value:
    """A value in place of the compound's, with its unit."""

    value: float
    unit: str


@dataclass(frozen=True)
class Exposures:
    """A file of regimens."""

    compound: str
    regimens: Annotated[tuple[Planned, ...], MinLen(1)]
    patients: People = People()
    parameters: dict[str, Value] = field(default_factory=dict)
    analytes: Annotated[tuple[Analyte, ...], MinLen(1)] = ("adc", "payload", "metabolite")
    interval: Annotated[float, Gt(0), Lt(1)] = 0.9

    @property
    def drug(self) -> Compound:
        """The compound, with the values that the file changes."""
        drug = COMPOUNDS[self.compound]
        for name, changed in self.parameters.items():
            drug = drug.altered(name, changed.value, changed.unit)
        return drug


def read(path: str | Path) -> Exposures:
    """Read a file of regimens and check it.

    Raises
    ------
    posology.protocol.reading.ProtocolError
        listing what is wrong, with its line.
    """
    from posology.protocol.reading import ProtocolError, typed

    held, refuse = typed(path, Exposures, "a file of regimens", "see `posology pk --help`")
    findings = []
    if held.compound not in COMPOUNDS:
        findings.append(refuse(("compound",), f"is {held.compound!r}", f"known: {'; '.join(COMPOUNDS)}"))
    else:
        for quantity, changed in held.parameters.items():
            try:
                COMPOUNDS[held.compound].altered(quantity, changed.value, changed.unit)
            except ValueError as wrong:
                findings.append(refuse(("parameters", quantity), str(wrong)))
    for kind in sorted(set(held.patients.tumour_types) - set(TUMOUR_TYPES)):
        where = ("patients", "tumour_types", kind)
        findings.append(refuse(where, "is no tumour type", f"known: {', '.join(TUMOUR_TYPES)}"))
    if abs(sum(held.patients.tumour_types.values()) - 1) > 1e-6:
        findings.append(refuse(("patients", "tumour_types"), "the shares do not sum to 1"))
    if len({r.name for r in held.regimens}) < len(held.regimens):
        findings.append(refuse(("regimens",), "two regimens have one name", "give each its own"))
    if findings:
        raise ProtocolError(findings)
    return held


@dataclass(frozen=True)
class Simulated:
    """What one regimen came to: times (T,), each analyte (P, T) at them, and each patient's measures."""

    name: str
    times: Floats
    courses: Mapping[str, Floats]
    measures: Mapping[tuple[str, str, str], Floats]
    mean_dose: float


def simulate(held: Exposures) -> list[Simulated]:
    """Simulate each regimen in the same patients; the same seed gives the same numbers."""
    patients, drug = held.patients.drawn(), held.drug
    factors = by_weight(patients.weight_kg)
    if held.patients.vary:
        rng = np.random.default_rng([held.patients.seed, 1])
        factors = combined(factors, Variability.of(drug).draw(rng, len(patients)))
    plasma = Plasma.of(drug, factors)
    return [_simulated(held, planned, plasma, planned.doses(patients)) for planned in held.regimens]


def _simulated(held: Exposures, planned: Planned, plasma: Plasma, doses: Doses) -> Simulated:
    count = planned.cycles * len(planned.days)
    starts = doses.time[0].reshape(count, -1)[:, 0]  # the same in all patients
    begins = starts[:: len(planned.days)]  # of each cycle, as it came after delays
    ends = np.append(begins[1:], begins[-1] + planned.interval_days)
    lasts = begins + (ends - begins) * 2 / 3
    after = np.concatenate([np.arange(0, 24) / 24, np.arange(1, (ends - begins).max() + 0.01, 0.25)])
    troughs = ends - JUST  # a bolus at the end of a cycle is the next one's
    grid = np.unique(np.concatenate([*(s + after for s in starts), starts[1:] - JUST, troughs, lasts]))
    grid = grid[grid < ends[-1]]
    linear = not (plasma["antibody.vmax"] > 0).any()
    if linear:
        areas = plasma.areas(np.append(begins, ends[-1]), doses)
        course, peaks = (plasma.course(times, doses) for times in (grid, doses.end))
        at_grid, at_ends = (lambda analyte: course.of(analyte)), (lambda analyte: peaks.of(analyte))
    else:
        every = np.concatenate([np.broadcast_to(grid, (plasma.patients, len(grid))), doses.end], axis=1)
        order, whole = np.argsort(every, axis=1), plasma.course(every, doses, tolerance=1e-3)
        at_grid, at_ends = (lambda a: whole.of(a)[:, : len(grid)]), (lambda a: whole.of(a)[:, len(grid) :])
    measures: dict[tuple[str, str, str], Floats] = {}
    for analyte in held.analytes:
        values, at_end, unit = at_grid(analyte), at_ends(analyte), UNITS[analyte]
        for k in sorted({0, planned.cycles - 1}):
            inside = (grid >= begins[k] - JUST / 2) & (grid < ends[k] - JUST / 2)
            infused = (doses.end >= begins[k]) & (doses.end < ends[k] - JUST / 2)
            late, trough = (values[:, np.abs(grid - day[k]).argmin()] for day in (lasts, troughs))
            falls = (late > trough) & (trough > 0)
            ratio = np.where(falls, late, e) / np.where(falls, trough, 1)
            if linear:
                area = np.diff(areas.of(analyte), axis=1)[:, k]
            else:
                t, c = (np.take_along_axis(a, order, axis=1) for a in (every, whole.of(analyte)))
                own = (t[:, :-1] > begins[k] - JUST / 2) & (t[:, 1:] < ends[k] - JUST / 2)
                area = (own * (c[:, :-1] + c[:, 1:]) / 2 * np.diff(t, axis=1)).sum(axis=1)
            named = {
                f"Cmax ({unit})": np.maximum(values[:, inside].max(axis=1), np.where(infused, at_end, 0).max(axis=1)),
                f"AUC (d x {unit})": area, f"Ctrough ({unit})": trough,
                "half-life (d)": np.where(falls, np.log(2) * (ends[k] - lasts[k]) / np.log(ratio), np.inf),
            }  # fmt: skip
            measures |= {(analyte, str(k + 1), measure): found for measure, found in named.items()}
    given = (doses.amount.reshape(plasma.patients, count, -1).sum(axis=2) > 0).sum()
    every_few = np.linspace(0, len(grid) - 1, min(len(grid), 200)).astype(np.int64)
    jumps = np.flatnonzero(np.isin(grid, [starts, starts - JUST]))  # to draw a bolus upright
    shown = np.union1d(every_few, jumps)
    return Simulated(planned.name, grid[shown], {a: at_grid(a)[:, shown] for a in held.analytes}, measures,
                     float(doses.amount.sum() / max(given, 1)))  # fmt: skip


def table(held: Exposures, found: list[Simulated]) -> Table:
    """Return a row for each regimen, analyte, cycle and measure: the median and the prediction interval over patients."""
    tail = (1 - held.interval) / 2
    rows = []
    for each in found:
        for (analyte, cycle, measure), values in each.measures.items():
            low, middle, high = _quantiles(values, [tail, 0.5, 1 - tail])
            mean = float(values.mean()) if np.isfinite(values).all() else None
            rows.append({"regimen": each.name, "analyte": analyte, "cycle": cycle, "measure": measure,
                         "mean": mean, "median": _finite(middle), "low": _finite(low), "high": _finite(high)})  # fmt: skip
    return Table(
        f"{held.compound}: exposure, {100 * held.interval:g} % prediction intervals over patients",
        {name: [row[name] for row in rows] for name in rows[0]},
    )


def _quantiles(values: Floats, shares: Sequence[float]) -> Floats:
    """Return quantiles, interpolated between two patients; infinite where one of the two is."""
    upper = np.quantile(values, shares, method="higher")
    lower = np.quantile(values, shares, method="lower")
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.where(np.isfinite(upper), np.quantile(values, shares), np.where(upper == lower, upper, np.inf))
        )


def summary(held: Exposures, found: list[Simulated]) -> Table:
    """Return the same for people: a row for each regimen, analyte and cycle, each measure as median and interval."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in table(held, found).rows():
        key = (row["regimen"], row["analyte"], row["cycle"])
        conc = UNITS[row["analyte"]]
        own = rows.setdefault(key, {"regimen": key[0], "analyte": f"{key[1]} ({conc})", "cycle": key[2]})
        shown = [f"{row[name]:.3g}" if row[name] is not None else "none" for name in ("median", "low", "high")]
        own[row["measure"].split(" (")[0]] = f"{shown[0]} ({shown[1]} to {shown[2]})"
    every = list(rows.values())
    heads = {"AUC": "AUC (x d)", "half-life": "half-life (d)"}
    title = f"{held.compound}: median and {100 * held.interval:g} % prediction interval of {_people(held)}"
    return Table(title, {heads.get(name, name): [row[name] for row in every] for name in every[0]})


def _finite(value: float) -> float | None:
    """Return a number, or None where a course does not fall and so has no half-life."""
    return float(value) if np.isfinite(value) else None


def figure(held: Exposures, found: list[Simulated]) -> Any:
    """Draw the median and prediction interval of each analyte; regimens differ by colour and by dash."""
    import altair as alt

    tail, names, panels = (1 - held.interval) / 2, [each.name for each in found], []
    colours = [("#2563a6", "#b4232c", "#2f7d4f", "#b7791f", "#6b3fa0")[k % 5] for k in range(len(names))]
    dashes = [([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [12, 3])[k % 6] for k in range(len(names))]
    key = alt.Legend(
        orient="bottom", labelLimit=500, symbolType="stroke", symbolStrokeWidth=2, symbolSize=400, symbolOpacity=1
    )
    of: dict[str, Any] = {"shorthand": "regimen:N", "title": None, "sort": names, "legend": key}
    colour = alt.Color(**of, scale=alt.Scale(domain=names, range=colours))
    dash = alt.StrokeDash(**of, scale=alt.Scale(domain=names, range=dashes))
    for analyte in held.analytes:
        bands = {each.name: np.quantile(each.courses[analyte], [tail, 0.5, 1 - tail], axis=0) for each in found}
        peak = max(float(band.max()) for band in bands.values())
        rows = [{"day": float(t), "low": float(a), "median": float(m), "high": float(b), "regimen": each.name}
                for each in found for t, a, m, b in zip(each.times, *bands[each.name], strict=True) if a > 0]  # fmt: skip
        base = alt.Chart(alt.Data(values=rows)).encode(
            x=alt.X("day:Q", title="days from the first dose", axis=alt.Axis(grid=False))
        )
        scale = alt.Scale(type="log", domain=[peak / 1e4, peak * 1.5], nice=False)
        title = f"{TITLES[analyte]} ({UNITS[analyte]})"
        axis = alt.Axis(values=[10.0**k for k in range(-9, 9)], format="~g")
        y = lambda which, **how: alt.Y(f"{which}:Q", **how)
        band = base.mark_area(opacity=0.18, clip=True).encode(
            y=y("low", scale=scale, title=title, axis=axis), y2="high:Q", color=colour
        )
        line = base.mark_line(strokeWidth=2, clip=True).encode(
            y=y("median", title=title), color=colour, strokeDash=dash
        )
        panels.append((band + line).properties(width=620, height=210))
    caption = f"median and {100 * held.interval:g} % prediction interval of {_people(held)}"
    title_ = alt.TitleParams(f"{held.compound} in plasma", subtitle=caption, anchor="start")
    return alt.vconcat(*panels).properties(title=title_).configure_view(stroke=None).configure(
        font="DejaVu Sans, Liberation Sans, Arial, sans-serif", background="white")  # fmt: skip


def _people(held: Exposures) -> str:
    listed = len(held.patients.listed)
    return (
        f"{listed} listed patients"
        if listed
        else f"{held.patients.number:,} virtual patients, seed {held.patients.seed}"
    )


def body_size_table(patients: int = 100_000, seed: int = 853) -> Table:
    """Return the spread of exposure by the measure of body size that doses go by, in women with a solid tumour.

    The areas vary by body size alone; clearance goes with weight^e. Surface area by Mosteller, as in the reference; doses
    of a regimen by surface area follow Du Bois.
    """
    women = Patients.draw(np.random.default_rng(seed), patients)
    weight, height, sex = women.weight_kg, women.height_cm, women.sex
    sizes = {
        "total body weight": weight, "ideal body weight": ideal_weight(height, sex),
        "adjusted ideal body weight": adjusted_ideal_weight(weight, height, sex),
        "body surface area (Mosteller)": surface_area(weight, height, "Mosteller"), "flat": np.ones(patients),
    }  # fmt: skip
    rows = [{"e": e, "body size": name, "AUC CV (%)": round(100 * cv, 2), "heavy / light": round(ratio, 3)}
            for e in (0.3, 0.5, 0.7) for name, (cv, ratio) in spread(sizes, weight, e).items()]  # fmt: skip
    mean = float(sizes["adjusted ideal body weight"].mean())
    title = (f"Spread of exposure by body size alone, {patients:,} virtual women: mean adjusted ideal weight {mean:.1f} kg, "
             f"6 mg/kg of it {6 * mean:.0f} mg")  # fmt: skip
    return Table(title, {name: [row[name] for row in rows] for name in rows[0]})
