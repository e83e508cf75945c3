"""Whatever is entered, moved, changed or voided in any order, every rule holds for every event, or is set aside by
name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posology.conduct.rulebook import broken_rules, rule_names
from posology.conduct.trial import PendingEvents, Refused, Trial
from posology.protocol.load import load_document
from posology.record import facts as f
from posology.record.collected import LaboratoryMeasured
from posology.record.entry import EntryError
from tests.conftest import EXAMPLE, Clock

BEGIN = date(2030, 1, 1)
LEVELS = (0.5, 1.0, 2.0)
FILE = load_document(EXAMPLE / "protocol.yaml")
PLAN = {k: v for k, v in FILE.items() if k not in ("amendments", "titration")} | {
    "trial": FILE["trial"] | {"version": "1.0", "date": "2029-12-01"},
    "dose": FILE["dose"] | {"levels": list(LEVELS)},
    "dlt": FILE["dlt"] | {"window_days": 7},
    "schedule": FILE["schedule"] | {"cycle_days": 7},
    "design": {"method": "bf-boin", "target": 0.3, "max_patients": 12, "cohort": 1, "cap": 3, "needs_response": False},
    "enrolment": {"reservation_days": 5, "queue": "consent"},
    "committee": {"sign": ["monitor", "statistician"], "extra_slots": 2},
    "eligibility": [
        {"id": "I1", "text": "adult", "fact": "age", "at_least": 18},
        {"id": "I2", "text": "consents to biopsy", "fact": "attested"},
        {"id": "I3", "text": "platelets", "fact": "laboratory", "test": "PLAT", "unit": "10^9/L", "at_least": 100.0},
    ],
    "expansion": {"ovarian": {"title": "Ovarian", "patients": 2}},
}


def lab(value: float) -> LaboratoryMeasured:
    return LaboratoryMeasured(test="PLAT", value=value, unit="10^9/L")


def target(assessment: int, diameter: float) -> f.LesionMeasured:
    return f.LesionMeasured(assessment=assessment, lesion="T1", role="target", organ="liver", diameter_mm=diameter)


def course(level: int) -> Iterator[tuple[f.Fact, int]]:
    """Yield the facts of a patient without trouble, each with its day after consent."""
    screened = f.Screened(sex="F", age=60, tumour_type="ovarian", ecog=1, weight_kg=60.0, height_cm=160.0)
    yield from ((fact, 0) for fact in (f.Consented(), screened, lab(200.0), target(0, 30.0)))
    yield from ((fact, 1) for fact in (f.CriterionAttested(criterion="I2", met=True), f.SlotReserved(level=level)))
    yield f.Enrolled(), 2
    for cycle in (1, 2, 3):
        yield dose(cycle, level), 3 + 7 * (cycle - 1)
        yield target(cycle, 30.0 - cycle), 9 + 7 * (cycle - 1)


def dose(cycle: int, level: int) -> f.Dosed:
    return f.Dosed(cycle=cycle, level=level, weight_kg=60.0, actual_mg=60 * LEVELS[level - 1])


EVERY_RULE = f"{', '.join(rule_names())}: agreed"
ACTIONS = ("escalate", "expand", "de-escalate", "open backfill", "close backfill", "open cohort", "declare MTD", "stop")


def decision(random: Random) -> f.DecisionTaken:
    action = random.choice(ACTIONS)
    return f.DecisionTaken(
        action=action,  # type: ignore[arg-type]
        level=None if action == "stop" else random.randint(1, 3),
        slots=random.randint(1, 3) if action.startswith(("esc", "exp", "de-", "open")) else 0,
        cohort="ovarian" if action.endswith("cohort") else None,
        closed_from=random.choice((None, None, None, 3)),
        why="x",
    )


def amendment(random: Random) -> f.ProtocolAmended:
    changes = random.choice(
        (
            {"dlt": {"window_days": random.choice((7, 10))}},
            {"eligibility": [*PLAN["eligibility"][:1], {"id": "I2", "text": "other words", "fact": "attested"}]},
            {"enrolment": {"reservation_days": random.choice((3, 9))}},
            {"trial": {"title": f"title {random.randint(1, 9)}"}},
            {"dose": {"levels": [*LEVELS, 4.0]}},
        )
    )
    return f.ProtocolAmended(version=f"{random.randint(2, 6)}.0", why="x", changes=changes)


FACTS: tuple[Callable[[Random], f.Fact], ...] = (
    lambda r: f.Consented(),
    lambda r: f.Screened(sex="F", age=r.choice((15, 60)), tumour_type="ovarian", weight_kg=60.0, height_cm=160.0),
    lambda r: f.CriterionAttested(criterion="I2", met=r.random() < 0.7),
    lambda r: lab(r.choice((50.0, 200.0))),
    lambda r: f.SlotReserved(level=r.randint(1, 3)),
    lambda r: f.SlotReserved(level=r.choice((None, 1, 2)), cohort="ovarian"),
    lambda r: f.SlotReleased(why="x"),
    lambda r: f.Enrolled(),
    lambda r: f.Enrolled(level=r.randint(1, 2)),
    lambda r: dose(r.randint(1, 4), r.randint(1, 3)),
    lambda r: f.DoseReduced(to_level=r.randint(1, 2), why="x"),
    lambda r: f.DoseDelayed(days=r.choice((3, 30)), why="x"),
    lambda r: f.AdverseEvent(ae=r.choice("12"), term="Keratitis", grade=r.randint(1, 5), related=r.random() < 0.8),
    lambda r: f.AdverseEventResolved(ae=r.choice("12"), outcome=r.choice(("recovered", "fatal"))),  # type: ignore[arg-type]
    lambda r: f.DltAdjudicated(ae=r.choice("12"), dlt=r.random() < 0.5, why="x"),
    lambda r: f.Discontinued(why="progression"),
    lambda r: f.Died(cause="x"),
    lambda r: target(r.randint(0, 3), 20.0),
    lambda r: f.TumourAssessed(assessment=r.randint(0, 3), overall=r.choice(("PR", "SD"))),  # type: ignore[arg-type]
    lambda r: f.MarkerMeasured(value=40.0, upper_limit=35.0),
    decision,
    decision,
    lambda r: f.DecisionSigned(decision=r.randint(1, 4), role=r.choice(("monitor", "statistician"))),
    lambda r: f.DecisionSigned(decision=r.randint(1, 4), role="monitor", meaning="rejected"),
    amendment,
    lambda r: f.CutoffLocked(cutoff=BEGIN + timedelta(days=r.randint(0, 50))),
)


class History:
    """A trial of a few patients, written to at random; ``overrides`` is the share of entries that set all rules
    aside."""

    def __init__(self, where: Path, random: Random, overrides: float = 0.0) -> None:
        self.overrides, self.named = overrides, set[int]()
        self.random, self.clock = random, Clock(datetime(2030, 3, 1, 12, tzinfo=UTC))
        self.trial = Trial.create(where, PLAN, by="x", on=BEGIN, clock=self.clock)
        self.pending: PendingEvents = self.trial.pending_events()

    def enter(self, fact: f.Fact, patient: str | None, day: date, supersedes: int | None = None) -> bool:
        """Enter a fact if the rules let it; say whether they did."""
        author = f"Dr {self.random.choice('AB')}"
        override = EVERY_RULE if self.random.random() < self.overrides else None
        try:
            event = self.pending.add(
                fact,
                patient=patient,
                occurred=day,
                recorded=self.clock(),
                by=author,
                reason="y",
                supersedes=supersedes,
                override=override,
            )
        except (Refused, EntryError):
            return False
        facts = event.override.facts if event.override else ()
        self.named |= {int(number) for text in facts for number in re.findall(r"event (\d+)", text)}
        return True

    def begin(self) -> None:
        """Bring patients to some point of their course, decisions taken and signed between them."""
        level, day = 1, 0
        for patient in "abcd"[: self.random.randint(1, 4)]:
            events = list(course(level))
            for fact, after in events[: self.random.randint(3, len(events))]:
                self.enter(fact, patient, BEGIN + timedelta(days=day + after))
            day += self.random.choice((1, 10, 12))
            on = BEGIN + timedelta(days=day)
            action, up = self.random.choice((("escalate", level + 1), ("expand", level), ("expand", level)))
            taken = f.DecisionTaken(action=action, level=up, slots=self.random.randint(1, 2), why="x")  # type: ignore[arg-type]
            if self.enter(taken, None, on):
                number = self.pending.state.decision_number
                roles = ("monitor", "statistician")[: self.random.choice((1, 2, 2, 2))]
                signed = [self.enter(f.DecisionSigned(decision=number, role=role), None, on) for role in roles]
                level = up if len(signed) == 2 and all(signed) else level

    def step(self) -> str:
        """Enter, move, change or void something; say what."""
        day = BEGIN + timedelta(days=self.random.randint(0, 50))
        timelines = (self.pending.state.trial, *self.pending.state.patients.values())
        alive = [event for timeline in timelines for event in timeline.events][1:]
        action = self.random.choice(("enter", "enter", "move", "change", "void"))
        if action == "enter" or not alive:
            fact = self.random.choice(FACTS)(self.random)
            patient = self.random.choice("abcde") if fact.about == "patient" else None
            accepted = self.enter(fact, patient, day)
            return f"{'+' if accepted else '-'} {patient} {day} {fact}"
        event = self.random.choice(alive)
        fact = f.Voided() if action == "void" else event.fact
        if action == "change":
            fact = next((x for make in FACTS if (x := make(self.random)).kind == event.kind), event.fact)
        accepted = self.enter(fact, event.patient, day if action == "move" else event.occurred, event.seq)
        return f"{'+' if accepted else '-'} {action} {event.seq} {event.kind} of {event.occurred} -> {day} {fact}"


def check_history(where: Path, random: Random, steps: int, overrides: float = 0.0) -> None:
    """Write a history; after each step that was accepted, every rule holds for every event, or an override named it."""
    history = History(where, random, overrides)
    history.begin()
    did: list[str] = []
    try:
        assert overrides or [str(broken) for broken in broken_rules(history.pending.state)] == []
        for _ in range(steps):
            did.append(history.step())
            if did[-1].startswith("+"):
                found = broken_rules(history.pending.state)
                broken = [str(refusal) for refusal in found if refusal.event not in history.named]
                assert broken == [], "\n".join([*(line for line in did if line.startswith("+"))])
    finally:
        history.trial.close()


@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_rule_holds_after_each_step(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_history(tmp_path_factory.mktemp("history") / "t.posology", Random(seed), steps=25)


@settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_an_override_breaks_is_named(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    check_history(tmp_path_factory.mktemp("history") / "t.posology", Random(seed), steps=25, overrides=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(300))
def test_long_histories(seed: int, overrides: float, tmp_path: Path) -> None:
    check_history(tmp_path / "t.posology", Random(seed), steps=80, overrides=overrides)
