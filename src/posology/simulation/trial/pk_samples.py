"""Plasma samples of a virtual patient: conjugate, free payload and its metabolite, as the laboratory would report them.

The course is that of the whole chain of the drug-to-antibody ratio after infusions at the label's rates; the residual
error is that of Pouzin 2022. What lies below the limit of quantification is reported as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.blq import is_blq
from posology.pharmacology.compounds.library import IMGN853
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.adc_states import UNITS
from posology.pharmacology.disposition.dosing_regimen import LABEL_RATES, infusion_doses
from posology.pharmacology.virtual_patients.assay_error import ASSAY_ERRORS
from posology.record.collected import PkConcentration
from posology.shared.arrays import Floats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posology.pharmacology.disposition.linear_compartments import Doses


CYCLES = (1, 3)
TIMEPOINTS = ("END OF INFUSION", "DAY 2", "DAY 4", "DAY 8", "DAY 15", "TROUGH")
DAYS = (0, 1, 3, 7, 14)
TIMES = tuple((cycle, name) for cycle in CYCLES for name in TIMEPOINTS)
"""Every sample that a patient may give: the cycle, and when in it. The trough is drawn half an hour before the next
dose."""
BEGINS = time(9)
"""When an infusion begins; assumed."""
BEFORE = 0.5 / 24
ANALYTES = {
    "adc": ("IMGN853", "IMGN853 conjugate"),
    "payload": ("DM4", "DM4, free"),
    "metabolite": ("SMEDM4", "S-methyl-DM4"),
}
"""What is measured, by its name in the model: test code and name."""
LIMITS = {
    "adc": Quantity(1.0, "ug/mL", "assumed", "about the additive error of the assay, Pouzin 2022"),
    "payload": Quantity(0.1, "ng/mL", "assumed", "no public number"),
    "metabolite": Quantity(0.1, "ng/mL", "assumed", "no public number"),
}
"""Limits of quantification."""


@dataclass(frozen=True)
class PkSample:
    """What was found in one sample of one analyte, on a ``day`` from that of the first dose."""

    day: int
    fact: PkConcentration


def infusion(start: Sequence[float], mg: Sequence[float]) -> tuple[Doses, Floats]:
    """Return infusions at the label's rates of the doses given, and how long each takes [d].

    >>> (infusion([0.0], [355.0])[1] * 24).round(2)
    array([1.78])
    """
    doses = infusion_doses(np.array([start], dtype=np.float64), np.array([mg], dtype=np.float64), LABEL_RATES)
    return doses, doses.duration.reshape(len(start), -1).sum(axis=1)


def sample_time(first: date, since: float) -> datetime:
    """Return the moment, to the minute, so many days after the first dose began."""
    return datetime.combine(first, BEGINS) + timedelta(minutes=round(since * 1440))


def samples(
    factors: Mapping[str, Floats], noise: Floats, start: Sequence[float], mg: Sequence[float], last: float, first: date
) -> list[PkSample]:
    """Return the samples of one patient.

    Parameters
    ----------
    factors
        on the drug's quantities, (1,) each.
    noise
        (1, T, A): standard normal, for each sample of :data:`TIMES` and analyte of :data:`ANALYTES`.
    start, mg
        day and amount of each dose given, the first on day 0.
    last
        no sample is drawn after this day.
    first
        the date of the first dose.

    Examples
    --------
    >>> still = np.zeros((1, len(TIMES), len(ANALYTES)))
    >>> drawn = samples({}, still, [0.0, 21.0], [355.0, 355.0], 100.0, date(2014, 1, 6))
    >>> [(s.day, s.fact.timepoint, s.fact.value) for s in drawn if s.fact.test == "IMGN853"][:2]
    [(0, 'END OF INFUSION', 142.0), (1, 'DAY 2', 107.0)]
    """
    doses, length = infusion(start, mg)
    taken = []
    for k, (cycle, name) in enumerate(TIMES):
        if cycle > len(start):
            continue
        begin = float(start[cycle - 1])
        if name == "TROUGH":
            since = float(start[cycle]) - BEFORE - begin if cycle < len(start) else np.inf
        else:
            since = float(length[cycle - 1]) if name == TIMEPOINTS[0] else float(DAYS[TIMEPOINTS.index(name)])
        if begin + since <= last:
            taken.append((k, cycle, name, begin, since))
    if not taken:
        return []
    course = Plasma.of(IMGN853, factors).course([begin + since for *_, begin, since in taken], doses)
    found = []
    for a, (analyte, (code, called)) in enumerate(ANALYTES.items()):
        residual, limit = ASSAY_ERRORS[analyte], LIMITS[analyte].value
        truth = course.of(analyte)[0]
        sd = np.hypot(residual.additive.value, residual.proportional.value * truth)
        values = truth + sd * noise[0, [k for k, *_ in taken], a]
        for value, (_, cycle, name, begin, since) in zip(values.tolist(), taken, strict=True):
            low = bool(is_blq(value, limit))
            said = f"<{limit:g}" if low else f"{float(f'{value:.3g}'):g}"
            moment = sample_time(first, begin + since)
            fact = PkConcentration(
                test=code,
                name=called,
                category="ANALYTE",
                reported=said,
                reported_unit=UNITS[analyte],
                result=said,
                value=None if low else float(said),
                unit=UNITS[analyte],
                timepoint=name,
                timepoint_number=round(24 * since, 2),
                timepoint_reference="START OF INFUSION",
                visit=f"CYCLE {cycle}",
                visit_number=float(cycle),
                specimen="PLASMA",
                quantification_limit=limit,
                dated=moment.isoformat(timespec="minutes"),
            )
            found.append(PkSample((moment.date() - first).days, fact))
    return sorted(found, key=lambda s: s.day)
