"""Each patient's exposure: from a record's own concentrations, or from a file that a fit wrote.

The file is a CSV with the columns ``patient`` and one or more of exposures. One that a fit wrote holds ``auc``,
``cmax`` and ``ctrough`` of the first cycle, and each patient's parameters, so that exposure can be followed to an
event.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from posology.interchange.pk.from_record import HOURS, Recorded
from posology.interchange.pk.pc_profiles import profiles
from posology.interchange.pk.sources import Measured
from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.exposure_response.exposure_metrics import (
    FirstCycle,
    average_concentration_until,
    first_cycle_from_model,
    first_cycle_from_samples,
)
from posology.pharmacology.nca.profiles import padded
from posology.pharmacology.pk_models import MODELS
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.files import write_text

Measure = Literal["auc", "cmax", "ctrough"]
AVERAGE = "average-until-event"
MEASURES: dict[str, str] = {
    "auc": "AUC of cycle 1",
    "cmax": "Cmax of cycle 1",
    "ctrough": "Ctrough of cycle 1",
    AVERAGE: "average concentration until the event or the end of treatment",
}


@dataclass(frozen=True)
class Exposures:
    """Exposure by patient: what it is, in which unit (empty where not known), and what there is to say of it."""

    what: str
    unit: str
    of: Mapping[str, float]
    notes: tuple[str, ...] = ()


def from_samples(made: Recorded, measure: Measure, analyte: str | None = None) -> Exposures:
    """Return the exposure of the first cycle by the samples of a record (see :func:`first_cycle_from_samples`).

    Raises
    ------
    DataError, ValueError
        if there are several analytes and none is named, or no samples after a first dose.
    """
    first = [p for p in profiles(made.data.of(analyte)) if p.number == 1]
    if not first:
        raise ValueError(f"{made.data.file}: nobody was sampled after the first dose")
    time, value = padded([(p.time, p.concentration) for p in first])
    bolus = "bolus" in made.route.lower()
    found = first_cycle_from_samples(
        time, value, made.interval, duration=np.array([p.duration for p in first]), bolus=bolus
    )
    values = _of(found, measure)
    notes = [f"{p.patient}: {text}" for p, texts in zip(first, found.why, strict=True) for text in texts]
    held = {p.patient: float(v) for p, v in zip(first, values, strict=True) if np.isfinite(v)}
    of = next(a for a in made.analytes if analyte in (None, a.code))
    return Exposures(f"{MEASURES[measure]}, {of.code}", _unit(measure, made.time, of.unit), held, tuple(notes))


def from_file(path: str | Path, column: str | None = None) -> Exposures:
    """Read exposures from a column of a CSV file; it need not be named where it is called ``exposure``.

    Raises
    ------
    ValueError
        with the file and line of what is wrong.
    """
    header, rows = _table(path)
    name = column or "exposure"
    if not {"patient", name} <= set(header):
        others = ", ".join(n for n in header if n in MEASURES) or ", ".join(header)
        raise ValueError(
            f"{path}:1: there is no column {'patient' if 'patient' not in header else name!r}; it holds {others}"
        )
    held: dict[str, float] = {}
    for number, row in rows:
        patient = row["patient"]
        value = _number(path, number, patient, name, row[name])
        if value < 0:
            raise ValueError(f"{path}:{number}: patient {patient}: {name} {value:g}; it is 0 or above")
        held[patient] = value
    first = rows[0][1] if rows else {}
    unit = _unit(name, first.get("time", ""), first.get("concentration", "")) if name in get_args(Measure) else ""
    return Exposures(MEASURES.get(name, name), unit, held)


def average_to(path: str | Path, made: Recorded, days: Mapping[str, int], analyte: str | None = None) -> Exposures:
    """Return each patient's average concentration until a day, by the parameters that a fit wrote and the doses given.

    ``days`` are from the first dose on, which is day 1: the average ends as that day begins (of day 1, at its end), or
    a planned interval after the last dose, whichever comes first: a treatment that is over exposes nobody.

    Raises
    ------
    ValueError
        with the file and line of what is wrong, or if the file holds no parameters.
    """
    header, rows = _table(path)
    if not {"patient", "model", "time"} <= set(header):
        raise ValueError(f"{path}:1: it holds no parameters; `posology pk fit TRIAL --exposures FILE` writes them")
    data = made.data.of(analyte).measurements()
    phi, keep, until = [], [], []
    for number, row in rows:
        patient = row["patient"]
        if row["model"] not in MODELS:
            raise ValueError(
                f"{path}:{number}: patient {patient}: model {row['model']!r}; it is one of {', '.join(MODELS)}"
            )
        if row["time"] != made.time:
            raise ValueError(
                f"{path}:{number}: times are in {row['time'] or 'no unit'}; a fit of the record has {made.time}"
            )
        if row["model"] != rows[0][1]["model"]:
            raise ValueError(
                f"{path}:{number}: patient {patient}: model {row['model']!r}; it was {rows[0][1]['model']!r} before"
            )
        if patient in data.names and patient in days:
            names = MODELS[row["model"]].parameters
            values = [_number(path, number, patient, name, row.get(name)) for name in names]
            if min(values) <= 0:
                raise ValueError(f"{path}:{number}: patient {patient}: a parameter is {min(values):g}; it is above 0")
            phi.append(np.log(values))
            keep.append(data.names.index(patient))
            row_of = keep[-1]
            treated = data.dose_time[row_of].max() - data.dose_time[row_of, 0] + made.interval
            until.append(min(max(days[patient] - 1, 1) * 24.0 / HOURS[made.time], treated))
    if not keep:
        raise ValueError(f"{path}: none of its patients has doses in {made.data.file}")
    found = average_concentration_until(MODELS[rows[0][1]["model"]], data.subset(keep), np.array(phi), np.array(until))
    held = {data.names[row]: float(v) for row, v in zip(keep, found, strict=True)}
    return Exposures(MEASURES[AVERAGE], rows[0][1].get("concentration", ""), held)


def first_cycle_parameters(
    form: StructuralModel, population: Population, parameters: np.ndarray, kappa: np.ndarray
) -> np.ndarray:
    """Return the logs of each patient's parameters in the first cycle: with what differs on the first occasion.

    Parameters
    ----------
    form
        the model whose exposure is asked for; of what was fitted, its parameters stand first.
    population
        what was fitted: which parameters differ between occasions.
    parameters
        (patients, parameters): each patient's most likely parameters.
    kappa
        (patients, occasions, parameters that differ): on the log scale, NaN where a patient has no such occasion.
    """
    logs: np.ndarray = np.log(parameters[:, : len(form.parameters)])
    for parameter, own in zip(population.between_occasions, kappa.T, strict=True):
        logs[:, form.parameters.index(parameter)] += np.nan_to_num(own[0])
    return logs


def write_exposures(
    path: str | Path,
    read: Measured,
    model: str,
    form: StructuralModel,
    data: PkDataset,
    phi: np.ndarray,
    tau: float | None = None,
) -> None:
    """Write each patient's exposure of the first cycle by a fitted model, and the parameters it follows from.

    Parameters
    ----------
    path
        the CSV file to write.
    read
        what was fitted: its units, and its planned interval where ``tau`` is not given.
    model, form, data
        the model by its name and itself, and the patients.
    phi
        (patients, parameters): the logs of each patient's most likely parameters.
    tau
        the length of the first cycle.

    Raises
    ------
    ValueError
        if the length of the cycle is not known.
    """
    length = tau or read.interval
    if not length:
        raise ValueError("the length of the first cycle is not known: give it in the data's unit of time (--tau)")
    found = first_cycle_from_model(form, data, phi, length)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["patient", *get_args(Measure), "time", "concentration", "model", *form.parameters])
    for i, name in enumerate(data.names):
        values = [repr(float(_of(found, measure)[i])) for measure in get_args(Measure)]
        writer.writerow([name, *values, *read.units[:2], model, *(repr(float(v)) for v in np.exp(phi[i]))])
    write_text(Path(path), out.getvalue())


def _of(found: FirstCycle, measure: str) -> np.ndarray:
    return {"auc": found.auc, "cmax": found.c_max, "ctrough": found.c_trough}[measure]


def _unit(measure: str, time: str, concentration: str) -> str:
    if not concentration or (measure == "auc" and not (time and "/" in concentration)):
        return ""
    mass, _, volume = concentration.partition("/")
    return f"{mass}·{time}/{volume}" if measure == "auc" else concentration


def _table(path: str | Path) -> tuple[list[str], Sequence[tuple[int, dict[str, str]]]]:
    with Path(path).open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        header = list(reader.fieldnames or ())
        rows = [(number, {k: v or "" for k, v in row.items() if k}) for number, row in enumerate(reader, 2)]
    seen: set[str] = set()
    for number, row in rows:
        patient = row.get("patient", "")
        if patient in seen:
            raise ValueError(f"{path}:{number}: patient {patient} appears twice")
        seen.add(patient)
    return header, rows


def _number(path: str | Path, line: int, patient: str, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"{path}:{line}: patient {patient}: {column} {text!r} is no number")
    return value
