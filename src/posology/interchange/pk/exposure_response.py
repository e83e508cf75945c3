"""Exposure and response in a trial's record: the model, the patients at each dose, what an exposure or a dose would do.

Logistic regression with Firth's penalty; with a day, exponential and Cox regression of the time to the first event
(:mod:`posology.pharmacology.exposure_response.regression`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from posology.interchange.pk.from_record import recorded
from posology.interchange.pk.individual_exposures import (
    AVERAGE,
    MEASURES,
    Exposures,
    average_to,
    from_file,
    from_samples,
)
from posology.interchange.pk.sources import ConcentrationChoice
from posology.pharmacology.exposure_response.regression import (
    ExposureQuantiles,
    ExposureResponse,
    by_quantile,
    cox,
    exponential,
    logistic,
    predicted_exposures,
)
from posology.readout.exposure_response import OUTCOMES, Observed, Outcome, observed
from posology.record.facts import Dosed
from posology.record.state import State
from posology.shared.arrays import Bools, Floats
from posology.shared.tables import significant

__all__ = ["DOSES", "DoseRow", "ExposureUnknown", "Question", "Relation", "relate"]

DOSES = ("mg", "mg/kg")
"""The exposures that are the first dose itself."""


class ExposureUnknown(ValueError):
    """An exposure that is no measure, or that cannot be had from what is given."""


@dataclass(frozen=True)
class Question:
    """What is asked of a record.

    ``outcome`` is the event; ``exposure`` the measure: a dose, one of cycle 1, or the average until the event, else
    mg/kg (a column, where the exposures come from ``file``); ``day`` asks for the event by that day after the first
    dose, the first being day 1. ``at`` and ``doses`` are exposures, and doses in the protocol's unit, to predict for.
    """

    outcome: Outcome = "dlt"
    exposure: str | None = None
    file: str | None = None
    day: int | None = None
    at: Sequence[float] = ()
    doses: Sequence[float] = ()


@dataclass(frozen=True)
class DoseRow:
    """One dose: the exposures at it (patients,), the events (None where it is predicted), the average chance,
    interval."""

    name: str
    amount: float
    exposure: Floats
    event: Bools | None
    chance: tuple[float, float, float]


@dataclass(frozen=True)
class Relation:
    """How an outcome goes with an exposure.

    ``exposure`` and ``event`` are (patients,), the event by the day that was asked about; ``known`` whether what became
    of a patient by then is known; ``ever`` the number of events at any time. ``predicted`` is (chance, lower, upper) at
    the exposures of ``asked``. ``notes`` are for the reader; ``left_out`` who could not be judged, and why.
    """

    title: str
    what: str
    unit: str
    exposure: Floats
    event: Bools
    known: Bools
    ever: int
    model: ExposureResponse
    hazard: ExposureResponse | None
    groups: ExposureQuantiles
    asked: Floats
    predicted: tuple[Floats, Floats, Floats]
    doses: Sequence[DoseRow]
    notes: Sequence[str]
    left_out: Sequence[str]

    @property
    def label(self) -> str:
        """The exposure with its unit, where that is known."""
        return f"{self.what} ({self.unit})" if self.unit and not self.what.startswith("first dose") else self.what


def relate(state: State, on: date, question: Question, choice: ConcentrationChoice, trial: str) -> Relation:
    """Relate an exposure to an outcome, as a record holds them.

    Parameters
    ----------
    state
        what the record says at the cutoff.
    on
        the cutoff.
    question
        which exposure and outcome, and what is to be predicted.
    choice
        which concentrations the exposure is of.
    trial
        the record's name, for messages.

    Raises
    ------
    ExposureUnknown, ValueError
        if there is no such exposure; if fewer than three patients can be judged, or they have one exposure; or where
        nobody's first dose was at a level, if a dose is asked about.
    """
    outcome, day = question.outcome, question.day
    given = _exposures(state, on, question, choice, trial)
    dose = "mg" if question.exposure == "mg" else "mg/kg"
    seen, left = observed(state, on, outcome, given.of if given else dose)  # type: ignore[arg-type]
    x, y = np.array([o.exposure for o in seen]), np.array([o.event for o in seen], bool)
    days = np.array([o.days for o in seen], float)
    event = y & (days <= day) if day else y
    known = event | (days >= day) if day else np.ones(len(x), bool)
    if day and (known.sum() < 3 or np.ptp(x[known]) == 0):
        raise ValueError(
            f"{known.sum()} patients had the event by day {day} or were followed to it: it takes three, of two"
            " exposures"
        )
    unit = 1.0 if given is None and dose == "mg/kg" else None
    model = exponential(x, days, y, unit=unit) if day else logistic(x, y, unit=unit)
    groups = by_quantile(x[known], event[known])
    asked = np.array(question.at if question.at else groups.median)
    rows, beyond = _doses(state, seen, x, event, model, question)
    outside = [v for v in question.at if not x.min() <= v <= x.max()]
    seen_range = f"{significant(x.min())} to {significant(x.max())}" if len(x) else ""
    return Relation(
        title=OUTCOMES[outcome] + (f" by day {day}" if day else ""),
        what=given.what if given else f"first dose, {question.exposure or 'mg/kg'}",
        unit=given.unit if given else dose,
        exposure=x,
        event=event,
        known=known,
        ever=int(y.sum()),
        model=model,
        hazard=cox(x, days, y, unit=unit) if day else None,
        groups=groups,
        asked=asked,
        predicted=model.at(asked, day) if day else model.at(asked),
        doses=rows,
        notes=[
            *model.notes,
            *(f"{v:g} is outside the exposures seen ({seen_range})" for v in outside),
            *beyond,
            *(given.notes if given else ()),
            *(_cautions(question.exposure, seen, state.protocol().schedule.cycle_days) if given else ()),
        ],
        left_out=left,
    )


def _exposures(state: State, on: date, question: Question, choice: ConcentrationChoice, trial: str) -> Exposures | None:
    """Return each patient's exposure; nothing if the exposure is the dose."""
    measure, file = question.exposure, question.file
    if file is None and measure in (None, *DOSES):
        return None
    if file is not None and measure in DOSES:
        raise ExposureUnknown("a file holds no dose: name its column, or leave it out")
    if file is None and measure not in MEASURES:
        raise ExposureUnknown(f"{measure!r} is none of {', '.join((*DOSES, *MEASURES))}; a file is --exposures FILE")
    if measure != AVERAGE and file is not None:
        return from_file(file, measure)
    if file is None and measure == AVERAGE:
        raise ExposureUnknown(
            "an average to the event is by a model: `posology pk fit TRIAL --exposures FILE`, then --exposures FILE"
        )
    made = recorded(state, analyte=choice.analyte, specimen=choice.specimen, infusion=choice.infusion, file=trial)
    if file is not None:
        everyone: Mapping[str, float] = dict.fromkeys(state.patients, 1.0)
        days = {o.patient: o.days for o in observed(state, on, question.outcome, everyone)[0]}
        return average_to(file, made, days, choice.analyte)
    return from_samples(made, "auc" if measure == "auc" else "cmax" if measure == "cmax" else "ctrough", choice.analyte)


def _doses(
    state: State, seen: Sequence[Observed], x: Floats, event: Bools, model: ExposureResponse, question: Question
) -> tuple[list[DoseRow], list[str]]:
    """Return the dose levels that were given first, lowest first, and the doses asked about; and which lie outside."""
    plan, day = state.protocol().dose, question.day
    at_level: dict[int, list[int]] = {}
    for row, one in enumerate(seen):
        first = state.patients[one.patient].first_dose
        if first is not None and isinstance(first.fact, Dosed) and first.fact.level <= len(plan.levels):
            at_level.setdefault(first.fact.level, []).append(row)
    rows = [
        DoseRow(
            plan.dose_label(level),
            plan.levels[level - 1],
            x[places],
            event[places],
            model.population_average(x[places], day),
        )
        for level, places in sorted(at_level.items())
    ]
    if not question.doses:
        return rows, []
    if not rows:
        raise ValueError("nobody's first dose was at a level of the protocol: what a dose would do cannot be told")
    amounts = np.concatenate([np.full(len(row.exposure), row.amount) for row in rows])
    exposures = np.concatenate([row.exposure for row in rows])
    for amount in question.doses:
        would = predicted_exposures(amounts, exposures, amount)
        name = f"{amount:g} {plan.unit} (predicted)"
        rows.append(DoseRow(name, amount, would, None, model.population_average(would, day)))
    low, high = float(amounts.min()), float(amounts.max())
    return rows, [
        f"{v:g} {plan.unit} is outside the doses given ({low:g} to {high:g})"
        for v in question.doses
        if not low <= v <= high
    ]


def _cautions(measure: str | None, seen: Sequence[Observed], cycle_days: int) -> list[str]:
    """Say what exposure and event have to do with each other in time."""
    if measure == AVERAGE:
        return [
            "an average to the event is not settled before it: a patient without one is averaged to the end of"
            " treatment, reductions and pauses included, and the later an event, the more of them it averages; cycle 1"
            " (auc, ctrough) is free of that"
        ]
    early = sum(o.event and o.days <= cycle_days for o in seen)
    if measure in ("auc", "ctrough") and early:
        return [
            f"{early} of the events came within cycle 1 (by day {cycle_days}): its exposure reaches beyond them, though"
            " the dose that it follows from was given before"
        ]
    return []
