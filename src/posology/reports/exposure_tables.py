"""Tables of exposure: measures, samples and ratios, each title saying what its intervals hold; the spread by
body size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from posology.endpoints.body_size import adjusted_ideal_weight, ideal_weight, surface_area
from posology.pharmacology.disposition.adc_states import UNITS
from posology.pharmacology.disposition.dosing_regimen import exposure_cv_by_body_size
from posology.pharmacology.virtual_patients.demographics import VirtualPatients
from posology.shared.arrays import Floats
from posology.shared.tables import Table, significant
from posology.simulation.regimens.file import RegimenFile
from posology.simulation.regimens.simulate import INTERVAL_MEANING, Kind, RegimenResult, quantiles, ratios


def holds(held: RegimenFile, kind: Kind) -> str:
    """Return what the intervals hold, in words."""
    vary = "" if held.patients.vary else "; patients differ by body size alone"
    return f"{100 * held.interval:g} % prediction interval {INTERVAL_MEANING[kind]}; {held.patients}{vary}"


def table(held: RegimenFile, found: Sequence[RegimenResult], kind: Kind = "patients") -> Table:
    """Return a row for each regimen, analyte, cycle and measure: median and prediction interval, and uncertainty of the
    median.

    ``below``: the share of the patients whose value lies below the limit of quantification; of troughs, where measured.
    """
    rows = []
    for each in found:
        for (analyte, cycle, measure), values in each.measures.items():
            low, middle, high = _interval(held, values)
            mean = float(values.mean()) if np.isfinite(values).all() else None
            row = {
                "regimen": each.name,
                "analyte": analyte,
                "cycle": cycle,
                "measure": measure,
                "mean": mean,
                "median": middle,
                "low": low,
                "high": high,
            }
            if kind == "observations":
                last = np.flatnonzero(each.plan.cycle == int(cycle) - 1)[-1]
                row["below"] = float(each.below[analyte][:, last].mean()) if measure.startswith("Ctrough") else None
            if each.uncertain:
                row["median low"], row["median high"] = each.uncertain.get((analyte, cycle, measure), (None, None))
            rows.append(row)
    return _table(f"{held.names}: exposure, {holds(held, kind)}", rows)


def summary(held: RegimenFile, found: Sequence[RegimenResult], kind: Kind = "patients") -> Table:
    """Return the same for people: a row for each regimen, analyte and cycle, each measure as median and interval."""
    limits: dict[str, float] = {a: held.measured(a)[1] for a in held.analytes} if kind == "observations" else {}
    return _wide(
        f"{held.names}: median and {holds(held, kind)}", table(held, found, kind), ("median", "low", "high"), limits
    )


def uncertainty(held: RegimenFile, found: Sequence[RegimenResult]) -> Table:
    """Return how uncertain each median is, for people."""
    title = (
        f"{held.names}: median and {100 * held.interval:g} % interval of the median, by the uncertainty of the typical "
        "parameters alone"
    )
    return _wide(title, table(held, found), ("median", "median low", "median high"))


def _wide(title: str, long: Table, names: tuple[str, str, str], limits: Mapping[str, float] | None = None) -> Table:
    """Return a row for each regimen, analyte and cycle; a concentration at its limit of quantification is one
    below it."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in long.rows():
        key = (row["regimen"], row["analyte"], row["cycle"])
        unit = UNITS[row["analyte"]]
        own = rows.setdefault(key, {"regimen": key[0], "analyte": f"{key[1]} ({unit})", "cycle": key[2]})
        limit = (limits or {}).get(row["analyte"], 0.0) if row["measure"].startswith("C") else 0.0
        shown = [
            "none" if row[name] is None else ("<" if 0 < row[name] <= limit else "") + significant(row[name])
            for name in names
        ]
        own[row["measure"].split(" (")[0]] = f"{shown[0]} ({shown[1]} to {shown[2]})"
    heads = {"AUC": "AUC (x d)", "half-life": "half-life (d)"}
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    return Table(title, {heads.get(name, name): [row.get(name, "") for row in rows.values()] for name in columns})


def samples(held: RegimenFile, found: Sequence[RegimenResult], kind: Kind = "patients") -> Table:
    """Return a row for each regimen, analyte and time sampled: median and prediction interval of the concentration."""
    rows = []
    for each in found:
        for analyte, values in each.samples.items():
            for s, (time, c) in enumerate(zip(each.plan.sampled, each.plan.cycle, strict=True)):
                low, middle, high = _interval(held, values[:, s])
                row = {
                    "regimen": each.name,
                    "analyte": analyte,
                    "unit": UNITS[analyte],
                    "cycle": int(c) + 1,
                    "day of cycle": round(float(time - each.plan.begins[c]), 4),
                    "day": round(float(time), 4),
                    "median": middle,
                    "low": low,
                    "high": high,
                }
                if kind == "observations":
                    row["below"] = float(each.below[analyte][:, s].mean())
                rows.append(row)
    return _table(f"{held.names}: concentrations, {holds(held, kind)}", rows)


def compared(held: RegimenFile, found: Sequence[RegimenResult], reference: str, kind: Kind = "patients") -> Table:
    """Return the ratio of each regimen to a reference, patient by patient: geometric mean, median and prediction
    interval.

    The geometric mean has a 95 % interval of its chance, from the number of patients.

    Raises
    ------
    ValueError
        if there is no such regimen.
    """
    by_name = {each.name: each for each in found}
    if reference not in by_name:
        raise ValueError(f"the reference is {reference!r}; the regimens are {'; '.join(by_name)}")
    rows = []
    for each in found:
        if each.name == reference:
            continue
        for (analyte, cycle, measure), values in ratios(each, by_name[reference]).items():
            low, middle, high = _interval(held, values[np.isfinite(values)])
            log = np.log(values[np.isfinite(values) & (values > 0)])
            mean, error = float(log.mean()), float(log.std(ddof=1) / np.sqrt(len(log))) if len(log) > 1 else 0.0
            rows.append(
                {
                    "regimen": each.name,
                    "over": reference,
                    "analyte": analyte,
                    "cycle": cycle,
                    "measure": measure,
                    "geometric mean": float(np.exp(mean)),
                    "mean low": float(np.exp(mean - 1.96 * error)),
                    "mean high": float(np.exp(mean + 1.96 * error)),
                    "median": middle,
                    "low": low,
                    "high": high,
                }
            )
    return _table(f"Ratios to {reference} in the same patients: median and {holds(held, kind)}", rows)


def in_short(ratios: Table) -> Table:
    """Return the ratios for people: a row for each regimen, analyte and cycle, each measure as median and interval."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in ratios.rows():
        own = rows.setdefault(
            (row["regimen"], row["analyte"], row["cycle"]), {k: row[k] for k in ("regimen", "analyte", "cycle")}
        )
        shown = [significant(row[name]) if row[name] is not None else "none" for name in ("median", "low", "high")]
        own[row["measure"]] = f"{shown[0]} ({shown[1]} to {shown[2]})"
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    return Table(ratios.title, {name: [row.get(name, "") for row in rows.values()] for name in columns})


def _interval(held: RegimenFile, values: Floats) -> tuple[float | None, float | None, float | None]:
    """Return low, median and high; None where a course does not fall and so has no half-life, or nobody has a value."""
    if not len(values):
        return None, None, None
    tail = (1 - held.interval) / 2
    three = quantiles(values, [tail, 0.5, 1 - tail])
    low, middle, high = (float(value) if np.isfinite(value) else None for value in three)
    return low, middle, high


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    return Table(title, {name: [row[name] for row in rows] for name in rows[0]} if rows else {})


def body_size_table(patients: int = 100_000, seed: int = 853) -> Table:
    """Return the spread of exposure by the measure of body size that doses go by, in women with a solid tumour.

    The areas vary by body size alone; clearance goes with weight^e. Surface area by Mosteller, as in the
    reference; doses of a regimen by surface area follow Du Bois.
    """
    women = VirtualPatients.draw(np.random.default_rng(seed), patients)
    weight, height, sex = women.weight_kg, women.height_cm, women.sex
    sizes = {
        "total body weight": weight,
        "ideal body weight": ideal_weight(height, sex),
        "adjusted ideal body weight": adjusted_ideal_weight(weight, height, sex),
        "body surface area (Mosteller)": surface_area(weight, height, "Mosteller"),
        "flat": np.ones(patients),
    }
    rows = [
        {"e": e, "body size": name, "AUC CV (%)": round(100 * cv, 2), "heavy / light": round(ratio, 3)}
        for e in (0.3, 0.5, 0.7)
        for name, (cv, ratio) in exposure_cv_by_body_size(sizes, weight, e).items()
    ]
    mean = float(sizes["adjusted ideal body weight"].mean())
    title = (
        f"Spread of exposure by body size alone, {patients:,} virtual women: mean adjusted ideal weight {mean:.1f} kg, "
        f"6 mg/kg of it {6 * mean:.0f} mg"
    )
    return Table(title, {name: [row[name] for row in rows] for name in rows[0]})
