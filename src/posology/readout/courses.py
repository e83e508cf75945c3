"""Each patient's course, as the endpoints room reads it, with the events behind every result."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

import numpy as np

from posology.conduct.plan import plan_of
from posology.conduct.standing import Standing, standings
from posology.endpoints import ca125, recist
from posology.protocol.model import Ca125
from posology.protocol.model import Response as ResponseRules
from posology.record.event import Event
from posology.record.facts import Dosed, LesionMeasured, MarkerMeasured
from posology.record.state import Patient, State

Events = tuple[Event, ...]


@dataclass(frozen=True)
class Scan:
    """One tumour assessment. ``sum_mm`` and the changes are None where the sum cannot be known."""

    number: int
    on: date
    study_day: int | None
    cycles: int
    sum_mm: float | None
    change: float | None
    change_from_nadir: float | None
    overall: str
    sources: Events


@dataclass(frozen=True)
class Response:
    """Best overall response by RECIST 1.1.

    ``best`` is CR, PR, SD, PD or NE as the criteria give it with ``confirmation`` one of: confirmed, awaiting
    confirmation, not confirmed, or empty where nothing is to confirm.
    """

    best: str
    confirmation: str
    on: date | None
    confirmed_on: date | None
    progression: date | None
    stable_days: int | None
    stable_ongoing: bool
    cycles: int | None
    best_change: float | None
    sources: Events

    @property
    def text(self) -> str:
        """The response in words."""
        return f"{self.best}, {self.confirmation}" if self.confirmation else self.best

    @property
    def is_objective(self) -> bool:
        """Whether it is a CR or PR, confirmed or awaiting confirmation."""
        return self.best in ("CR", "PR")


@dataclass(frozen=True)
class Sample:
    """One marker sample."""

    on: date
    study_day: int | None
    value: float
    change: float | None
    source: Event


@dataclass(frozen=True)
class Marker:
    """CA-125 by GCIG. ``response``: confirmed, awaiting confirmation, none, not assessed, not evaluable or not applicable."""

    response: str
    why: str
    on: date | None
    confirmed_on: date | None
    largest_fall: float | None
    samples: tuple[Sample, ...]
    sources: Events


@dataclass(frozen=True)
class Course:
    """All that a patient's course amounts to at the cutoff."""

    patient: Patient
    level: int | None
    dose: str
    standing: Standing | None
    scans: tuple[Scan, ...]
    response: Response
    marker: Marker | None

    @property
    def id(self) -> str:
        """The patient's identifier."""
        return self.patient.id

    @property
    def tumour(self) -> str:
        """The tumour in words."""
        screening = self.patient.screening
        if screening is None:
            return ""
        return screening.tumour_type + (f", {screening.histology}" if screening.histology else "")

    @property
    def active(self) -> bool:
        """Whether there is evidence of activity: an objective response, or a confirmed CA-125 response."""
        return self.response.is_objective or (self.marker is not None and self.marker.response == "confirmed")


STATUS = {None: recist.Status.MEASURED, "present": recist.Status.PRESENT, "absent": recist.Status.ABSENT,
          "unequivocal progression": recist.Status.PROGRESSION, "too small to measure": recist.Status.TOO_SMALL,
          "not evaluable": recist.Status.NOT_EVALUABLE}  # fmt: skip
ROLE = {"target": recist.Role.TARGET, "non-target": recist.Role.NON_TARGET, "new": recist.Role.NEW}


def courses(state: State, on: date) -> list[Course]:
    """Return the course of every treated patient on a day, in order of first dose."""
    plan = plan_of(state, on)
    protocol = plan.protocol
    standing = {s.patient: s for s in standings(state, plan, on)}
    treated = [(p.first_dose.occurred, p.first_dose.seq, p) for p in state.patients.values() if p.first_dose]
    patients = [p for *_, p in sorted(treated, key=lambda entry: entry[:2])]
    scans = _scans(patients)
    responses = _responses(patients, scans, protocol.endpoints.response)
    markers = _markers(patients, protocol.endpoints.ca125)
    return [
        Course(p, p.assigned_level, protocol.dose.at(p.assigned_level) if p.assigned_level else "expansion",
               standing.get(p.id), scans[p.id], responses[p.id], markers.get(p.id))
        for p in patients
    ]  # fmt: skip


def _measured(patient: Patient) -> list[tuple[Event, LesionMeasured]]:
    return [(e, e.fact) for e in patient.of(LesionMeasured) if isinstance(e.fact, LesionMeasured)]


def _scans(patients: list[Patient]) -> dict[str, tuple[Scan, ...]]:
    """Read every patient's assessments in one batch."""
    rows: list[tuple[int, int, int, int, int, int, bool, float]] = []
    sources: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for i, patient in enumerate(patients):
        names: dict[str, int] = {}
        for event, lesion in _measured(patient):
            size = float("nan") if lesion.diameter_mm is None else lesion.diameter_mm
            rows.append((i, lesion.assessment, names.setdefault(lesion.lesion, len(names)), event.occurred.toordinal(),
                         ROLE[lesion.role], STATUS[lesion.status], lesion.nodal, size))  # fmt: skip
            sources[i, lesion.assessment].append(event)
    found: dict[str, tuple[Scan, ...]] = {p.id: () for p in patients}
    if not rows:
        return found
    patient_, assessment, lesion_, day, role, status, nodal, size_ = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    lesions = recist.Lesions(patient_, assessment, lesion_, day, role, status, nodal, size_)
    result = recist.assess(lesions, len(patients), int(assessment.max()) + 1)
    change, from_nadir = result.change, result.change_from_nadir
    scans: dict[int, list[Scan]] = defaultdict(list)
    for i, k in sorted(sources):
        patient = patients[i]
        on = date.fromordinal(int(result.day[i, k]))
        cycles = {e.fact.cycle for e in patient.doses if isinstance(e.fact, Dosed) and e.occurred < on}
        overall = recist.Response(result.overall[i, k]).text if k else "baseline"
        scans[i].append(
            Scan(k, on, patient.study_day(on), len(cycles), _number(result.sum_mm[i, k]), _number(change[i, k]),
                 _number(from_nadir[i, k]), overall, tuple(sources[i, k]))
        )  # fmt: skip
    return found | {patients[i].id: tuple(read) for i, read in scans.items()}


def _responses(
    patients: list[Patient], scans: dict[str, tuple[Scan, ...]], rules: ResponseRules
) -> dict[str, Response]:
    columns = max([2, *(scan.number + 1 for read in scans.values() for scan in read)])
    seen = np.full((len(patients), columns), recist.Response.ABSENT)
    day = np.zeros((len(patients), columns), dtype=np.int64)
    codes = {r.text: r for r in recist.Response}
    for i, patient in enumerate(patients):
        for scan in scans[patient.id]:
            seen[i, scan.number] = codes.get(scan.overall, recist.Response.NONE)
            day[i, scan.number] = scan.on.toordinal()
    start = np.array([p.first_dose.occurred.toordinal() for p in patients if p.first_dose])
    followed = np.array([p.off_treatment is None for p in patients], dtype=bool)
    criteria = recist.Rules(confirmation_days=rules.confirmation_days, minimum_sd_days=rules.minimum_sd_days)
    best = recist.best_response(seen, day, start, followed, criteria)
    found = {}
    for i, patient in enumerate(patients):
        by_number = {scan.number: scan for scan in scans[patient.id]}
        at, confirmed, progressed = (
            by_number.get(int(column[i])) for column in (best.at, best.confirmed_at, best.progressed_at)
        )
        last = by_number.get(int(best.last_at[i]))
        counted = [s for s in scans[patient.id] if s.number and (progressed is None or s.number <= progressed.number)]
        changes = [s.change for s in counted if s.change is not None]
        response = recist.Response(best.response[i])
        state = "confirmed" if best.confirmed[i] else "awaiting confirmation" if best.awaiting[i] else ""
        if not state and best.unconfirmed[i]:
            state = "response not confirmed"
        stable_until = progressed or last
        stable = response in (recist.Response.SD, recist.Response.NON_CR_NON_PD) and stable_until is not None
        used = [by_number.get(0), at, confirmed, progressed, last]
        found[patient.id] = Response(
            best=response.text if counted else "not assessed", confirmation=state, on=at.on if at else None,
            confirmed_on=confirmed.on if confirmed else None, progression=progressed.on if progressed else None,
            stable_days=stable_until.on.toordinal() - int(start[i]) if stable and stable_until else None,
            stable_ongoing=stable and progressed is None, cycles=at.cycles if at else None,
            best_change=min(changes) if changes else None,
            sources=tuple(event for scan in used if scan for event in scan.sources),
        )  # fmt: skip
    return found


def _markers(patients: list[Patient], rules: Ca125 | None) -> dict[str, Marker]:
    if rules is None:
        return {}
    sampled = [(p, [(e, e.fact) for e in p.of(MarkerMeasured) if isinstance(e.fact, MarkerMeasured)]) for p in patients]
    sampled = [(p, samples) for p, samples in sampled if samples]
    if not sampled:
        return {}
    columns = max(len(samples) for _, samples in sampled)
    value, limits = np.full((len(sampled), columns), np.nan), np.ones((len(sampled), columns))
    day = np.zeros((len(sampled), columns), dtype=np.int64)
    for i, (_, samples) in enumerate(sampled):
        for k, (event, fact) in enumerate(samples):
            value[i, k], limits[i, k], day[i, k] = fact.value, fact.upper_limit, event.occurred.toordinal()
    start = np.array([p.first_dose.occurred.toordinal() for p, _ in sampled if p.first_dose])
    result = ca125.course(value, day, limits, start)
    found = {}
    for i, (patient, samples) in enumerate(sampled):
        events = [event for event, _ in samples]
        base = int(result.baseline[i])
        before = value[i, base] if base >= 0 else None
        read = tuple(
            Sample(
                e.occurred,
                patient.study_day(e.occurred),
                f.value,
                _number(100 * (f.value - before) / before) if before else None,
                e,
            )
            for e, f in samples
        )
        response, awaiting, confirmed = (int(x[i]) for x in (result.response, result.awaiting, result.confirmed))
        day_one = date.fromordinal(int(start[i]))
        tumour = patient.screening.tumour_type if patient.screening else ""
        reason = ca125.Reason(result.reason[i])
        if tumour not in rules.tumour_types:
            kind, why = "not applicable", f"GCIG criteria are for {' or '.join(rules.tumour_types)} cancer"
        elif reason is ca125.Reason.ASSAY_CHANGED:
            kind, why = "not evaluable", reason.text
        elif all(s.on <= day_one for s in read):
            kind, why = "not assessed", "no sample on treatment yet"
        elif reason:
            kind, why = "not evaluable", reason.text
        elif response >= 0:
            kind, why = "confirmed", "a fall by half, kept at least 28 days"
        elif awaiting >= 0 and patient.off_treatment is None:
            kind, why = "awaiting confirmation", "a fall by half, not yet kept 28 days"
        else:
            kind, why = "none", "no fall by half that was kept 28 days"
        first = response if kind == "confirmed" else awaiting if kind == "awaiting confirmation" else -1
        falls = [-s.change for s in read if s.change is not None and s.study_day and s.study_day > 0]
        found[patient.id] = Marker(
            response=kind, why=why, on=events[first].occurred if first >= 0 else None,
            confirmed_on=events[confirmed].occurred if kind == "confirmed" else None,
            largest_fall=max(falls) if falls else None, samples=read, sources=tuple(events),
        )  # fmt: skip
    return found


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
