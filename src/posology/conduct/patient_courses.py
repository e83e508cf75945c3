"""Each patient's course, as the endpoints room reads it, with the events behind every result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from posology.conduct.dlt_status import DltStatus, dlt_statuses
from posology.conduct.protocol_in_force import plan_in_force
from posology.endpoints import best_response, ca125, recist
from posology.endpoints.prior_therapy import is_anticancer
from posology.protocol.model import Ca125, ResponseRules
from posology.record.collected import ConcomitantTherapy
from posology.record.event import Event
from posology.record.facts import Dosed, LesionMeasured, MarkerMeasured
from posology.record.state import Patient, State

Events = tuple[Event, ...]


@dataclass(frozen=True)
class Assessment:
    """One tumour assessment. ``sum_mm`` and the changes are None where the sum cannot be known.

    ``measurable`` says whether there are target lesions; ``why`` why the response is not evaluable, empty where it is.
    """

    number: int
    on: date
    study_day: int | None
    cycles: int
    sum_mm: float | None
    change: float | None
    change_from_nadir: float | None
    overall: str
    measurable: bool
    why: str
    sources: Events


@dataclass(frozen=True)
class BestResponse:
    """Best overall response by RECIST 1.1.

    ``best`` is CR, PR, SD, PD or NE as the criteria give it with ``confirmation`` one of: confirmed, awaiting
    confirmation, not confirmed, or empty where nothing is to confirm. ``best_if_no_more_data`` is what it is if nothing
    more is seen; ``why`` why it is not evaluable. ``responded_on`` is the day of the first CR or PR that counts, a
    confirmed one where the protocol asks for it; ``benefit_on`` the day by which there was clinical benefit: such a
    response, or 24 weeks without progression.
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
    best_if_no_more_data: recist.Response
    why: str
    responded_on: date | None
    benefit_on: date | None
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
class Ca125Value:
    """One marker sample."""

    on: date
    study_day: int | None
    value: float
    change: float | None
    source: Event


@dataclass(frozen=True)
class Ca125Response:
    """CA-125 by GCIG.

    ``response``: confirmed, awaiting confirmation, none, not assessed, not evaluable or not applicable.
    """

    response: str
    why: str
    on: date | None
    confirmed_on: date | None
    largest_fall: float | None
    samples: tuple[Ca125Value, ...]
    sources: Events


@dataclass(frozen=True)
class PatientCourse:
    """All that a patient's course amounts to at the cutoff."""

    patient: Patient
    level: int | None
    dose: str
    standing: DltStatus | None
    scans: tuple[Assessment, ...]
    response: BestResponse
    marker: Ca125Response | None

    @property
    def baseline(self) -> Assessment | None:
        """The assessment before treatment."""
        return next((s for s in self.scans if s.number == 0), None)

    @property
    def assessed(self) -> tuple[Assessment, ...]:
        """The assessments on treatment."""
        return tuple(s for s in self.scans if s.number)

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
    def has_activity(self) -> bool:
        """Whether there is evidence of activity: an objective response, or a confirmed CA-125 response."""
        return self.response.is_objective or (self.marker is not None and self.marker.response == "confirmed")


STATUS = {
    None: recist.Status.MEASURED,
    "present": recist.Status.PRESENT,
    "absent": recist.Status.ABSENT,
    "unequivocal progression": recist.Status.PROGRESSION,
    "too small to measure": recist.Status.TOO_SMALL,
    "not evaluable": recist.Status.NOT_EVALUABLE,
    "merged": recist.Status.MERGED,
}
BENEFIT_DAYS = 168
"""How long without progression is a clinical benefit [days]: 24 weeks."""
METHOD = {"caliper": recist.ImagingMethod.CALIPER, "chest x-ray": recist.ImagingMethod.CHEST_X_RAY}
ROLE = {"target": recist.Role.TARGET, "non-target": recist.Role.NON_TARGET, "new": recist.Role.NEW}


def patient_courses(state: State, on: date, cohorts: Collection[str] | None = None) -> list[PatientCourse]:
    """Return the course of every treated patient on a day, in order of first dose; with ``cohorts``, of theirs alone."""
    plan = plan_in_force(state, on)
    protocol = plan.protocol
    standing = {s.patient: s for s in dlt_statuses(state, plan, on)}
    treated = [(p.first_dose.occurred, p.first_dose.seq, p) for p in state.patients.values() if p.first_dose]
    if cohorts is not None:
        treated = [entry for entry in treated if entry[2].cohort in cohorts]
    patients = [p for *_, p in sorted(treated, key=lambda entry: entry[:2])]
    scans = _scans(patients)
    responses = _responses(patients, scans, protocol.endpoints.response)
    markers = _markers(patients, protocol.endpoints.ca125)
    return [
        PatientCourse(
            p,
            p.assigned_level,
            protocol.dose.dose_label(p.assigned_level) if p.assigned_level else p.cohort or "expansion",
            standing.get(p.id),
            scans[p.id],
            responses[p.id],
            markers.get(p.id),
        )
        for p in patients
    ]


def doses_assigned(courses: Sequence[PatientCourse]) -> list[str]:
    """Return the doses assigned, lowest first, an expansion cohort last."""
    return list(dict.fromkeys(c.dose for c in sorted(courses, key=lambda c: c.level or 10**6)))


def first_doses(courses: Sequence[PatientCourse]) -> list[Event]:
    """Return the first dose of each patient: who was treated."""
    return [c.patient.first_dose for c in courses if c.patient.first_dose]


def _measured(patient: Patient) -> list[tuple[Event, LesionMeasured]]:
    return [(e, e.fact) for e in patient.of(LesionMeasured) if isinstance(e.fact, LesionMeasured)]


@dataclass(frozen=True)
class MeasuredLesions:
    """All lesions of some patients, in the order of the patients, with the event behind each row and the lesions'
    names."""

    lesions: recist.Lesions
    names: tuple[str, ...]
    sources: Events


def lesions(patients: Sequence[Patient]) -> MeasuredLesions | None:
    """Return every lesion measured as the endpoints room takes them; None if there is none."""
    rows: list[tuple[int, int, int, int, int, int, bool, float, int, int, int]] = []
    names: list[str] = []
    sources: list[Event] = []
    organs: dict[str, int] = {}
    for i, patient in enumerate(patients):
        numbers: dict[str, int] = {}
        for event, lesion in _measured(patient):
            size = float("nan") if lesion.diameter_mm is None else lesion.diameter_mm
            rows.append(
                (
                    i,
                    lesion.assessment,
                    numbers.setdefault(lesion.lesion, len(numbers)),
                    event.occurred.toordinal(),
                    ROLE[lesion.role],
                    STATUS[lesion.status],
                    lesion.nodal,
                    size,
                    organs.setdefault(lesion.organ.casefold(), len(organs)),
                    METHOD.get((lesion.method or "").casefold(), recist.ImagingMethod.CT_OR_MRI),
                    lesion.fragment or 0,
                )
            )
            names.append(lesion.lesion)
            sources.append(event)
    if not rows:
        return None
    patient_, assessment, number, day, role, status, nodal, size_, organ, method, part = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    made = recist.Lesions(
        patient_, assessment, number, day, role, status, nodal, size_, fragment=part, organ=organ, method=method
    )
    return MeasuredLesions(made, tuple(names), tuple(sources))


def _scans(patients: list[Patient]) -> dict[str, tuple[Assessment, ...]]:
    """Read every patient's assessments in one batch."""
    found: dict[str, tuple[Assessment, ...]] = {p.id: () for p in patients}
    measured = lesions(patients)
    if measured is None:
        return found
    sources: dict[tuple[int, int], list[Event]] = defaultdict(list)
    rows = measured.lesions
    for i, k, event in zip(rows.patient.tolist(), rows.assessment.tolist(), measured.sources, strict=True):
        sources[i, k].append(event)
    result = recist.assess(rows, len(patients), int(rows.assessment.max()) + 1)
    has_target = result.has_target
    change, from_nadir = result.change, result.change_from_nadir
    scans: dict[int, list[Assessment]] = defaultdict(list)
    for i, k in sorted(sources):
        patient = patients[i]
        on = date.fromordinal(int(result.day[i, k]))
        cycles = {e.fact.cycle for e in patient.doses if isinstance(e.fact, Dosed) and e.occurred < on}
        overall = recist.Response(result.overall[i, k]).text if k else "baseline"
        scans[i].append(
            Assessment(
                k,
                on,
                patient.study_day(on),
                len(cycles),
                _number(result.sum_mm[i, k]),
                _number(change[i, k]),
                _number(from_nadir[i, k]),
                overall,
                bool(has_target[i]),
                recist.Reason(result.reason[i, k]).text,
                tuple(sources[i, k]),
            )
        )
    return found | {patients[i].id: tuple(read) for i, read in scans.items()}


def new_therapy(patient: Patient) -> Event | None:
    """Return the first anticancer therapy after the trial's own; it ends what counts as response, and censors."""
    first = patient.first_dose
    for event in patient.of(ConcomitantTherapy):
        fact = event.fact
        assert isinstance(fact, ConcomitantTherapy)
        if first and event.occurred > first.occurred and is_anticancer(fact.category, fact.subcategory):
            return event
    return None


def _responses(
    patients: list[Patient], scans: dict[str, tuple[Assessment, ...]], rules: ResponseRules
) -> dict[str, BestResponse]:
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
    criteria = recist.RecistRules(confirmation_days=rules.confirmation_days, minimum_sd_days=rules.minimum_sd_days)
    therapies = [new_therapy(p) for p in patients]
    ends = np.array([e.occurred.toordinal() if e else np.nan for e in therapies], dtype=np.float64)
    seen = best_response.until_new_therapy(seen, day, ends)
    followed &= np.isnan(ends)
    best = recist.best_response(seen, day, start, followed, criteria)
    benefit = best_response.clinical_benefit(seen, day, start, criteria, minimum_days=BENEFIT_DAYS)
    found = {}
    for i, patient in enumerate(patients):
        by_number = {scan.number: scan for scan in scans[patient.id]}
        at, confirmed, progressed, responded, benefited = (
            by_number.get(int(column[i]))
            for column in (best.at, best.confirmed_at, best.progressed_at, best.response_at, benefit)
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
        found[patient.id] = BestResponse(
            best=response.text if counted else "not assessed",
            confirmation=state,
            on=at.on if at else None,
            confirmed_on=confirmed.on if confirmed else None,
            progression=progressed.on if progressed else None,
            stable_days=stable_until.on.toordinal() - int(start[i]) if stable and stable_until else None,
            stable_ongoing=stable and progressed is None,
            cycles=at.cycles if at else None,
            best_change=min(changes) if changes else None,
            best_if_no_more_data=recist.Response(best.best_if_no_more_data[i]),
            why=_not_evaluable(scans[patient.id], recist.Reason(best.reason[i])),
            responded_on=responded.on if responded else None,
            benefit_on=benefited.on if benefited else None,
            sources=tuple(event for scan in used if scan for event in scan.sources),
        )
    return found


def _not_evaluable(scans: tuple[Assessment, ...], reason: recist.Reason) -> str:
    """Say why there is no best response: the reason, and what each assessment lacks."""
    if not scans:
        return "no assessment, not even a baseline"
    lacking = [f"assessment {s.number} on {s.on}: {s.why}" for s in scans if s.why]
    return "; ".join([reason.text, *lacking]) if reason else ""


def _markers(patients: list[Patient], rules: Ca125 | None) -> dict[str, Ca125Response]:
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
    result = ca125.assess_ca125(value, day, limits, start)
    found = {}
    for i, (patient, samples) in enumerate(sampled):
        events = [event for event, _ in samples]
        base = int(result.baseline[i])
        before = value[i, base] if base >= 0 else None
        read = tuple(
            Ca125Value(
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
        found[patient.id] = Ca125Response(
            response=kind,
            why=why,
            on=events[first].occurred if first >= 0 else None,
            confirmed_on=events[confirmed].occurred if kind == "confirmed" else None,
            largest_fall=max(falls) if falls else None,
            samples=read,
            sources=tuple(events),
        )
    return found


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
