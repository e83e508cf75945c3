"""When doses were given and samples taken, by a record: hours from a patient's first dose.

A dose or sample stands where its clock says (``dated``), a sample after the dose before it; or, where only its day is
known, a sample so many hours after that dose as was planned. What can be placed neither way is a finding: a sample at
the end of an infusion cannot else be told from a trough.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from posology.record.collected import UNDATED, PkConcentration, TreatmentGiven
from posology.record.event import Event
from posology.record.facts import Dosed
from posology.record.state import Patient
from posology.shared.findings import Finding

ELAPSED = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")
LONGEST = 48
"""Hours that an infusion may take."""
LATEST = 7
"""Days by which a sample may be taken after (or before) the day that was planned, its clock not being known."""


@dataclass(frozen=True)
class Dose:
    """A dose as it was given: day, moment it began if known, hours from the first dose, and length (0: not recorded)
    [h].

    Weight [kg], level and cycle are None where the record does not say.
    """

    on: date
    begun: datetime | None
    at: float
    mg: float
    hours: float
    weight: float | None
    level: int | None
    cycle: int | None


class Placing:
    """Places doses and samples in time, and gathers what is wrong (``findings``) and what was assumed (``counts``).

    ``file`` is what the record is called; ``infusion`` how long one took whose end is not recorded [h], 0 for a bolus.
    """

    def __init__(self, file: str, infusion: float) -> None:
        self.file, self.infusion = file, infusion
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()

    def wrong(self, patient: Patient, event: Event, field: str, wrong: str, right: str = "") -> None:
        """Add what is wrong with a field of an event."""
        self.findings.append(Finding(patient.id, event.occurred, field, wrong, right, self.file))

    def doses(self, patient: Patient, drug: set[str]) -> list[Dose]:
        """Return a patient's doses of the trial's drug, each with its time and length."""
        doses: list[Dose] = []
        for event in patient.treatments:
            amount = self._amount(patient, event, drug)
            if amount is None:
                continue
            dated = event.fact.dated if isinstance(event.fact, TreatmentGiven | Dosed) else None
            if not _has_day(dated):
                self.wrong(patient, event, "dated", f"is {dated}: the day of the dose is not known", "its day")
                continue
            begun = self.moment(patient, event, dated, event.occurred)
            hours = self._infusion_hours(patient, event, begun)
            at = self._hours_from_first(doses[0] if doses else None, event, begun)
            mg, weight, level, cycle = amount
            doses.append(Dose(event.occurred, begun, at, mg, max(hours, 0.0), weight, level, cycle))
        for one, two in pairwise(doses):
            if two.at <= one.at:
                says = f"two doses {two.at - one.at:g} h apart"
                self.findings.append(Finding(patient.id, two.on, "dosed", says, "each with its time of day", self.file))
        return doses

    def _amount(
        self, patient: Patient, event: Event, drug: set[str]
    ) -> tuple[float, float | None, int | None, int | None] | None:
        """Return milligrams, weight, level and cycle of a dose of the drug; None for what is no dose of it."""
        fact = event.fact
        if isinstance(fact, Dosed):
            return (fact.actual_mg, fact.weight_kg, fact.level, fact.cycle) if fact.actual_mg else None
        assert isinstance(fact, TreatmentGiven)
        if fact.treatment.upper() not in drug:
            return None
        several_days = (fact.ended or "")[:10] > (event.occurred + timedelta(days=1)).isoformat()
        once = (fact.frequency or "ONCE").upper() == "ONCE" and not several_days
        if fact.dose is None or not once or (fact.unit or "").lower() != "mg":
            until = f" until {fact.ended}" if several_days else ""
            what = f"{fact.dose} {fact.unit}, {fact.frequency or 'once'}{until}"
            says = f"is {what}: what has no one amount and time is not placed"
            self.wrong(patient, event, "dose", says, "each dose by itself, in mg")
            return None
        return (fact.dose, None, None, None) if fact.dose else None

    def _infusion_hours(self, patient: Patient, event: Event, begun: datetime | None) -> float:
        """Return how long a dose took: from its end, or as given for all."""
        ended = event.fact.ended if isinstance(event.fact, TreatmentGiven | Dosed) else None
        end = self.moment(patient, event, ended, None)
        hours = 0.0
        if begun and end:
            hours = _hours(end - begun)
            if not 0 < hours <= LONGEST:
                says = f"is {ended}: {hours:g} h after the start"
                self.wrong(patient, event, "ended", says, f"an infusion ends within {LONGEST} h")
        if not hours:
            hours = self.infusion
            assumed = f"{hours:g} h long, as given" if hours else "as boluses"
            self.counts[f"doses without the infusion's length (`ended`): {assumed}"] += 1
        return hours

    def _hours_from_first(self, first: Dose | None, event: Event, begun: datetime | None) -> float:
        if first is None:
            return 0.0
        if begun and first.begun:
            return _hours(begun - first.begun)
        self.counts["doses without a time of day (`dated`): whole days after the first"] += 1
        return _hours(event.occurred - first.on)

    def moment(self, patient: Patient, event: Event, text: str | None, on: date | None) -> datetime | None:
        """Return a moment if there is one with a time of day; a date that is not the event's own is a finding."""
        if not text or "T" not in text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self.wrong(patient, event, "dated", f"{text!r} is no time", "such as 2013-05-10T11:30")
            return None
        if found.tzinfo is not None:
            right = "the local time of the site, as 2013-05-10T11:30"
            self.wrong(patient, event, "dated", f"{text} has a time zone", right)
            return None
        if on is not None and found.date() != on:
            self.wrong(patient, event, "dated", f"is {text}, but the event is of {on}", "one day")
            return None
        return found

    def place(self, patient: Patient, event: Event, fact: PkConcentration, doses: list[Dose]) -> float | None:
        """Return when a sample was taken, in hours from the first dose."""
        taken, planned = self.moment(patient, event, fact.dated, event.occurred), planned_hours(fact)
        dose = doses[0]
        if taken is not None:
            before = [d for d in doses if (d.begun or datetime.combine(d.on, datetime.min.time())) <= taken]
            dose = before[-1] if before else dose
            if dose.begun is not None:
                return dose.at + _hours(taken - dose.begun)
        if event.occurred < doses[0].on and _has_day(fact.dated) and (planned or 0) <= 0:
            return _hours(event.occurred - doses[0].on)
        if not _has_day(fact.dated):
            self.wrong(patient, event, "dated", f"{fact.test} has no day ({fact.dated})", "the day it was taken")
            return None
        if planned is None:
            lacks, right = f"{fact.test} has no time of day", "give it as 2013-05-10T11:30"
            if taken is not None:
                lacks, right = f"{fact.test}: the dose of {dose.on} has no time of day", "correct the dose (dated)"
            planned_so = f"{right}, or the sample's hours since the dose as planned (timepoint_number)"
            self.wrong(patient, event, "dated", lacks, planned_so)
            return None
        days = planned / 24
        dose = min(doses, key=lambda d: (abs((event.occurred - d.on).days - days), -d.at))
        away = (event.occurred - dose.on).days - days
        if abs(away) < 1:
            return dose.at + planned
        if planned < 24 or abs(away) > LATEST:
            says = f"{fact.test}: planned {planned:g} h after the dose, but no dose was given {planned:g} h before"
            self.wrong(patient, event, "timepoint_number", says, f"the dose nearest is of {dose.on}")
            return None
        self.counts["samples without a time of day, on another day than planned: at the planned time of that day"] += 1
        return dose.at + planned + 24 * round(away)


def planned_hours(fact: PkConcentration) -> float | None:
    """Return the hours since the dose at which a sample was planned: by ISO 8601 (PT2H), else as a number.

    >>> planned_hours(PkConcentration(test="ADC", timepoint_elapsed="P1DT30M"))
    24.5
    """
    found = ELAPSED.fullmatch(fact.timepoint_elapsed or "")
    if found and any(found.groups()[1:]):
        sign, days, hours, minutes, seconds = found.groups()
        size = float(days or 0) * 24 + float(hours or 0) + float(minutes or 0) / 60 + float(seconds or 0) / 3600
        return -size if sign else size
    return fact.timepoint_number


def _has_day(dated: str | None) -> bool:
    """Say whether the day an event occurred was collected, and not imputed from a date known in part, or not at all."""
    return dated is None or (dated != UNDATED and len(dated) >= len("2013-05-10"))


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600
