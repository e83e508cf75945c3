"""What waits for somebody: decisions not in force and why, judgements and reservations that hold no longer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from posology.conduct.open_level import lapses_on
from posology.conduct.protocol_in_force import plan_in_force, reopened
from posology.record.facts import DecisionSigned
from posology.record.state import State


@dataclass(frozen=True)
class OpenMatter:
    """One thing that waits: what it is about (a decision, or a patient), what is wrong, and the event to look at."""

    about: str
    text: str
    event: int

    def __str__(self) -> str:
        return f"{self.about}: {self.text} (event {self.event})"


def decisions(state: State) -> list[dict[str, object]]:
    """Return the decisions with where each stands, as plain data."""
    return [
        {
            "decision": d.fact.number,
            "on": d.event.occurred.isoformat(),
            "action": d.fact.action,
            "level": d.fact.level,
            "slots": d.fact.slots,
            "in_force": d.in_force,
            "status": d.status,
            "event": d.event.seq,
        }
        for d in state.trial.decisions
    ]


def open_matters(state: State, on: date) -> list[OpenMatter]:
    """Return what waits on a day: first the decisions, then patient by patient."""
    matters = [
        OpenMatter(f"decision {d.fact.number} of {d.event.occurred}", d.status, d.event.seq)
        for d in state.trial.decisions
        if not d.in_force
    ]
    for signature in state.trial.orphans:
        assert isinstance(signature.fact, DecisionSigned)
        text = f"the decision that {signature.fact.name} signed was voided: the signature is of nothing"
        matters.append(OpenMatter(f"decision {signature.fact.decision}", text, signature.seq))
    plan = plan_in_force(state, on)
    for patient in state.patients.values():
        for toxicity in patient.toxicities:
            changed = reopened(state, patient, toxicity, on)
            if changed:
                name = f"{patient.id}, adverse event {toxicity.fact.ae}, {toxicity.fact.term}"
                matters.append(OpenMatter(name, f"to be judged again: {changed}", toxicity.event.seq))
        held = patient.reservation
        lapses = lapses_on(held, plan.protocol) if held else None
        if held and lapses and on >= lapses:
            matters.append(OpenMatter(patient.id, f"the slot reserved on {held.occurred} lapsed on {lapses}", held.seq))
    return matters
