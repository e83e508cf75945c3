"""The protocol in force, with all that is built from it: its design, its DLT definition."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from hashlib import sha256

import numpy as np

from posology.designs import Design, Tally
from posology.designs.backfill import BfBoin
from posology.designs.inference import innermost
from posology.designs.time_to_event import RollingSix, TiteBoin, TiteCrm
from posology.endpoints.dlt import AdverseEvent, Definition, TriState, delay_is_dlt, is_dlt
from posology.protocol.build import design_from_protocol, dlt_definition
from posology.protocol.model import Protocol
from posology.record.binding import Toxicity
from posology.record.facts import DltAdjudicated, Dosed
from posology.record.state import Patient, State


@dataclass(frozen=True)
class ConductPlan:
    """A version of the protocol, ready to work with."""

    protocol: Protocol
    design: Design
    definition: Definition
    first_cohort: int

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return len(self.protocol.dose.levels)

    def meets_definition(self, patient: Patient, toxicity: Toxicity, on: date) -> tuple[bool | None, str]:
        """Say whether a toxicity meets the protocol's definition of a DLT on a day (None: not known yet), and why."""
        onset, end = toxicity.event.occurred, toxicity.resolved
        onset_day, day = patient.study_day(onset), patient.study_day(on)
        if onset_day is None or day is None:
            return False, "before the first dose"
        fact = toxicity.fact
        last = patient.study_day(end.occurred) if end else None
        event = AdverseEvent(
            fact.term,
            fact.grade,
            fact.related,
            onset_day,
            last,
            treated=fact.treated,
            organ_class=fact.system_organ_class or "",
            code=(fact.coding or {}).get("LLTCD", ""),
        )
        answer, why = is_dlt(event, self.definition, day)
        if answer is not TriState.YES and self._holds_back(event):
            late, reason = self._delayed(patient, day)
            if late is not TriState.NO:
                answer, why = late, reason
        return {TriState.YES: True, TriState.NO: False, TriState.NOT_YET: None}[answer], why

    @property
    def uses_follow_up(self) -> bool:
        """Whether the design counts patients still inside the window, by how long they were followed."""
        return isinstance(innermost(self.design), TiteCrm | TiteBoin | RollingSix)

    @property
    def backfills(self) -> BfBoin | None:
        """The design, if it treats patients beside the escalation."""
        return self.design if isinstance(self.design, BfBoin) else None

    @cached_property
    def escalation(self) -> Design:
        """The design as it is asked: of one that backfills, patients beside the escalation count to no cohort and no
        maximum."""
        if self.backfills is None:
            return self.design
        most = self.backfills.max_patients + self.backfills.cap * self.levels
        return replace(self.backfills, cohort=1, max_patients=most)

    def score(self, grade: int) -> float:
        """Return the score of a worst grade, for a design that grades toxicity."""
        scores = getattr(innermost(self.design), "scores", (0.0, 0.0, 0.0, 1.0, 1.0))
        return float(scores[min(grade, len(scores) - 1)])

    def in_window(self, patient: Patient, toxicity: Toxicity) -> bool:
        """Whether a toxicity began within the window: of any other, the definition reads no more than its onset."""
        day = patient.study_day(toxicity.event.occurred)
        return day is not None and 1 <= day <= self.definition.window_days

    def _holds_back(self, event: AdverseEvent) -> bool:
        """Whether a related toxicity of the window was still there when the second cycle was due."""
        due = self.protocol.schedule.cycle_days + 1
        within = 1 <= event.onset_day <= self.definition.window_days
        return event.related is True and within and (event.end_day is None or event.end_day >= due)

    def _delayed(self, patient: Patient, day: int) -> tuple[TriState, str]:
        """Say whether the second cycle is delayed so long that it is a DLT; nobody waits for one who left treatment."""
        due = self.protocol.schedule.cycle_days + 1
        days = {
            e.fact.cycle: patient.study_day(e.occurred) for e in reversed(patient.doses) if isinstance(e.fact, Dosed)
        }
        left = patient.off_treatment
        last = patient.study_day(left.occurred) if left else None
        until = day if last is None else min(day, last)
        if until < due:
            return TriState.NO, "the second cycle is not due"
        answer, why = delay_is_dlt(self.definition, due, days.get(2), until)
        return (TriState.NO, why) if answer is TriState.NOT_YET and last is not None else (answer, why)


@lru_cache(maxsize=32)
def _plan(protocol: Protocol) -> ConductPlan:
    built = design_from_protocol(protocol)
    first = built.decide(Tally.start(1, len(protocol.dose.levels)))
    return ConductPlan(protocol, built, dlt_definition(protocol), int(np.asarray(first.patients_to_treat)[0]))


def plan_in_force(state: State, on: date | None = None) -> ConductPlan:
    """Return the plan in force on a date."""
    return _plan(state.protocol(on))


# Judgements -----------------------------------------------------------------------------------------------------------


def definition_hash(state: State, on: date) -> str:
    """Return the hash of the definition of a DLT in force on a day."""
    document = next((d for day, d in reversed(state.trial.documents) if day <= on), None)
    document = document or state.trial.documents[0][1]
    definition = [document["dlt"], document["schedule"]["cycle_days"]]
    return sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


def judged_on(state: State, patient: Patient, toxicity: Toxicity, on: date) -> dict[str, str]:
    """Return what a judgement of a day is made on, as the record keeps it."""
    plan = plan_in_force(state, on)
    meets, _ = plan.meets_definition(patient, toxicity, on)
    basis = {
        "onset_day": str(patient.study_day(toxicity.event.occurred)),
        "definition": definition_hash(state, on),
        "definition_says": SAYS[meets],
    }
    if not plan.in_window(patient, toxicity):
        return basis
    ends = {"resolution": toxicity.resolved.hash} if toxicity.resolved else {}
    return basis | {"adverse_event": toxicity.event.hash} | ends


SAYS = {True: "DLT", False: "no DLT", None: "not yet known"}


def reopened(state: State, patient: Patient, toxicity: Toxicity, on: date) -> str | None:
    """Say why the judgement of a toxicity is open again; None if it holds, or there is none.

    It is when the event, its end or the first dose was changed, or the definition; and when the definition, which did
    not say then, now says otherwise.
    """
    if toxicity.outdated:
        return toxicity.outdated[1]
    event = toxicity.adjudicated
    if event is None:
        return None
    fact = event.fact
    assert isinstance(fact, DltAdjudicated)
    basis = fact.judged or {}
    if "definition" in basis and basis["definition"] != definition_hash(state, event.occurred):
        return f"the definition of a DLT was changed after it was judged (event {event.seq})"
    meets, why = plan_in_force(state, event.occurred).meets_definition(patient, toxicity, on)
    against = event.override is not None and "judged-by-the-definition" in event.override.rules
    said = basis.get("definition_says", SAYS[meets] if against else SAYS[fact.dlt])
    if meets is None or meets == fact.dlt or SAYS[meets] == said:
        return None
    return (
        f"by the definition it is now {'' if meets else 'not '}a DLT ({why}); it was judged otherwise (event"
        f" {event.seq})"
    )
