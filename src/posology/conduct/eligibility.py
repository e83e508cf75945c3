"""May this patient enter? Each criterion of the protocol: met, not met or not known, and from which event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256

from posology.endpoints.ihc import category, h_score, highest_intensity, pattern, ps2_plus
from posology.endpoints.units import analytes, canonical_unit, conversion_factor
from posology.protocol.model import FACT_LABELS, EligibilityCriterion, Protocol
from posology.record.collected import LaboratoryMeasured
from posology.record.event import Event
from posology.record.facts import CriterionAttested, PriorTherapy, Screened, TargetScored
from posology.record.state import Patient
from posology.shared.text import counted


class Verdict(StrEnum):
    """What is known about a criterion."""

    MET = "met"
    NOT_MET = "not met"
    NOT_KNOWN = "not known"


@dataclass(frozen=True)
class CheckedCriterion:
    """One criterion, checked for one patient."""

    criterion: EligibilityCriterion
    verdict: Verdict
    found: str
    event: Event | None

    def __str__(self) -> str:
        source = f" (event {self.event.seq})" if self.event else ""
        return f"{self.criterion.id} {self.criterion.text}: {self.verdict}, {self.found}{source}"


def _expression(name: str, score: TargetScored) -> float | str | None:
    """Return a measure of target expression: from the shares of cells, else as the pathologist gave it."""
    if score.shares is None:
        given = score.percent_2plus
        word = str(category(given)[0]) if given is not None else None
        return {
            "ps2_plus": given,
            "category": word,
            "highest_intensity": score.intensity,
            "pattern": score.pattern,
        }.get(name)
    if name == "category":
        return str(category(ps2_plus(score.shares))[0])
    if name == "pattern":
        return str(pattern(score.shares)[0]) or "none"
    if name == "highest_intensity":
        return int(highest_intensity(score.shares)[0])
    return float((h_score if name == "h_score" else ps2_plus)(score.shares)[0])


EXPRESSION = ("h_score", "ps2_plus", "highest_intensity", "pattern", "category")
"""Facts that are measures of target expression."""

SOURCES: dict[str, tuple[type[Screened | PriorTherapy | TargetScored], str]] = {
    "age": (Screened, "age"),
    "sex": (Screened, "sex"),
    "ecog": (Screened, "ecog"),
    "tumour_type": (Screened, "tumour_type"),
    "histology": (Screened, "histology"),
    "measurable_disease": (Screened, "measurable_disease"),
    "prior_regimens": (PriorTherapy, "regimens"),
    "platinum_status": (PriorTherapy, "platinum_status"),
    "target_intensity": (TargetScored, "intensity"),
    "target_percent_2plus": (TargetScored, "percent_2plus"),
    **{name: (TargetScored, name) for name in EXPRESSION},
}
"""Where each fact that a criterion may name is recorded: the kind of event and its field."""


NOT_STATED = "not stated"
"""A value that says that nothing is known."""


def criteria(protocol: Protocol, cohort: str | None = None) -> tuple[EligibilityCriterion, ...]:
    """Return the criteria for dose finding, or those of an expansion cohort after the ones for all patients."""
    own = protocol.expansion[cohort].eligibility if cohort else ()
    replaced = {criterion.id for criterion in own}
    return (*(c for c in protocol.eligibility if c.id not in replaced), *own)


def wording(criterion: EligibilityCriterion) -> str:
    """Return the hash of what an investigator attests: a criterion's kind and text."""
    return sha256(f"{criterion.kind}: {criterion.text}".encode()).hexdigest()


Versions = Sequence[tuple[date, Protocol]]
"""The versions of the protocol, each with the day from which it holds."""


def check(
    patient: Patient, wanted: Iterable[EligibilityCriterion], *, on: date | None = None, versions: Versions = ()
) -> tuple[CheckedCriterion, ...]:
    """Check each criterion against what the record knows about the patient.

    Parameters
    ----------
    patient, wanted
        the patient and the criteria.
    on
        the day of the question: laboratory values must be recent on it.
    versions
        the versions of the protocol: a criterion attested under another wording is open again.
    """
    return tuple(_check(patient, criterion, versions, on) for criterion in wanted)


def _laboratory(patient: Patient, criterion: EligibilityCriterion, on: date | None) -> CheckedCriterion:
    """Check the last value of a test: in the criterion's unit, or in multiples of its own upper limit of normal."""
    test, unit = criterion.test or "", criterion.unit or ""
    for event in reversed(patient.of(LaboratoryMeasured)):
        fact = event.fact
        if not isinstance(fact, LaboratoryMeasured) or fact.test != test or fact.value is None:
            continue
        shown = f"{test} is {fact.value:g} {fact.unit or '(no unit)'} on {event.occurred}"
        if on is not None and criterion.within_days is not None and (on - event.occurred).days > criterion.within_days:
            old = f"{shown}: older than {counted(criterion.within_days, 'day')}"
            return CheckedCriterion(criterion, Verdict.NOT_KNOWN, old, event)
        if unit == "ULN":
            factor, missing = (1 / fact.upper_limit if fact.upper_limit else None), "has no upper limit of normal"
        else:
            factor, missing = _factor(test, fact.unit or "", unit), f"cannot be read in {unit}"
        if factor is None:
            return CheckedCriterion(criterion, Verdict.NOT_KNOWN, f"{shown}: it {missing}", event)
        holds = _holds(criterion, fact.value * factor)
        met = holds if criterion.kind == "inclusion" else not holds
        return CheckedCriterion(criterion, Verdict.MET if met else Verdict.NOT_MET, shown, event)
    return CheckedCriterion(criterion, Verdict.NOT_KNOWN, f"{test} is not recorded", None)


def _factor(test: str, unit: str, to: str) -> float | None:
    """Return what turns a value into another unit; of a test whose units are not known here only its own will do."""
    if test in analytes():
        return conversion_factor(test, unit, to)
    return 1.0 if canonical_unit(unit) == canonical_unit(to) else None


def _attested(patient: Patient, criterion: EligibilityCriterion, versions: Versions) -> CheckedCriterion:
    for event in reversed(patient.of(CriterionAttested)):
        fact = event.fact
        if not isinstance(fact, CriterionAttested) or fact.criterion != criterion.id:
            continue
        attested = fact.attested or _wording_on(criterion.id, event.occurred, versions)
        if attested not in (None, wording(criterion)):
            found = f"its wording was changed after it was attested on {event.occurred}: attest it again"
            return CheckedCriterion(criterion, Verdict.NOT_KNOWN, found, event)
        verdict = Verdict.MET if fact.met else Verdict.NOT_MET
        return CheckedCriterion(criterion, verdict, f"attested by {event.author}", event)
    return CheckedCriterion(criterion, Verdict.NOT_KNOWN, "not attested yet", None)


def _wording_on(id: str, day: date, versions: Versions) -> str | None:
    """Return the wording that a criterion had on a day, if it was there, and in one place only."""
    protocol = next((p for begin, p in reversed(versions) if begin <= day), None)
    return attested_wording(protocol, id) if protocol else None


def attested_wording(protocol: Protocol, id: str) -> str | None:
    """Return the hash of the wording of an attested criterion; None if it has several, in several cohorts, or none."""
    everywhere = (*protocol.eligibility, *(c for x in protocol.expansion.values() for c in x.eligibility))
    found = {wording(c) for c in everywhere if c.id == id and c.fact == "attested"}
    return found.pop() if len(found) == 1 else None


def _check(patient: Patient, criterion: EligibilityCriterion, versions: Versions, on: date | None) -> CheckedCriterion:
    if criterion.fact == "laboratory":
        return _laboratory(patient, criterion, on)
    if criterion.fact == "attested":
        return _attested(patient, criterion, versions)
    kind, name = SOURCES[criterion.fact]
    called = FACT_LABELS.get(criterion.fact, criterion.fact.replace("_", " "))
    for event in reversed(patient.of(kind)):
        fact = event.fact
        value = (
            _expression(name, fact) if name in EXPRESSION and isinstance(fact, TargetScored) else getattr(fact, name)
        )
        if value is not None and value != NOT_STATED:
            holds = _holds(criterion, value)
            met = holds if criterion.kind == "inclusion" else not holds
            found = f"{called} is {_shown(value)}"
            return CheckedCriterion(criterion, Verdict.MET if met else Verdict.NOT_MET, found, event)
    return CheckedCriterion(criterion, Verdict.NOT_KNOWN, f"{called} is not recorded", None)


def _holds(criterion: EligibilityCriterion, value: float | str | bool) -> bool:
    if criterion.one_of is not None:
        return str(value).casefold() in {option.casefold() for option in criterion.one_of}
    if criterion.is_true is not None:
        return bool(value) is criterion.is_true
    number = float(value)
    low, high = criterion.at_least, criterion.at_most
    return (low is None or number >= low) and (high is None or number <= high)


def _shown(value: float | str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
