"""Corrections and voids obey the rules that entry obeys: what a change leaves broken is named, event by event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from posology.conduct.rulebook import broken_rules
from posology.conduct.trial import Refused, Trial
from posology.protocol.load import load_document
from posology.record import facts as f
from posology.record.event import Event
from tests.conftest import EXAMPLE, Clock, decide, give, screen, treat


def seq(trial: Trial, kind: type[f.Fact], which: int = 0, patient: str = "001") -> int:
    return trial.state().patients[patient].of(kind)[which].seq


@pytest.fixture
def treated(trial: Trial, clock: Clock) -> Trial:
    """Patient 001: consented and screened on 1 January, in slot on the 2nd, dosed on the 3rd and 24th; an event on the
    25th."""
    screen(trial, "001")
    clock.to("2030-01-02")
    trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    trial.record(f.Enrolled(), patient="001", by="Dr A")
    clock.to("2030-01-03")
    give(trial, "001", 1, 1)
    clock.to("2030-01-24")
    give(trial, "001", 2, 1)
    clock.to("2030-01-25")
    trial.record(f.AdverseEvent(ae="1", term="Nausea", grade=1, related=True), patient="001", by="Dr A")
    clock.to("2030-01-28")
    trial.record(f.AdverseEventResolved(ae="1"), patient="001", by="Dr A")
    clock.to("2030-02-01")
    return trial


Attack = Callable[[Trial, str | None], Event]


def void(kind: type[f.Fact], which: int = 0) -> Attack:
    return lambda t, o: t.void(seq(t, kind, which), by="x", reason="y", override=o)


def correct(kind: type[f.Fact], which: int = 0, **changes: Any) -> Attack:
    return lambda t, o: t.correct(seq(t, kind, which), by="x", reason="y", override=o, **changes)


def enter(fact: f.Fact, on: str) -> Attack:
    day = date.fromisoformat(on)
    return lambda t, o: t.record(fact, patient="001", occurred=day, by="x", override=o)


ATTACKS: dict[str, tuple[Attack, str]] = {
    "the enrolment of a treated patient voided": (void(f.Enrolled), "enrolled-before-dosing"),
    "consent voided": (void(f.Consented), "consent-first"),
    "consent moved behind the first dose": (correct(f.Consented, occurred=date(2030, 1, 5)), "consent-first"),
    "death before given doses": (enter(f.Died(cause="disease"), "2030-01-10"), "none-after-death"),
    "treatment left before given doses": (enter(f.Discontinued(why="progression"), "2030-01-10"), "on-treatment"),
    "cycle 1 moved behind cycle 2": (correct(f.Dosed, occurred=date(2030, 1, 30)), "doses-in-order"),
    "cycle 1 voided": (void(f.Dosed), "doses-in-order"),
    "a slot before eligibility was attested": (
        correct(f.CriterionAttested, occurred=date(2030, 1, 4)),
        "eligible",
    ),
    "an attestation withdrawn": (correct(f.CriterionAttested, 1, met=False), "eligible"),
    "an enrolled patient of 15 years": (correct(f.Screened, age=15), "eligible"),
    "a fatal event before a dose": (correct(f.AdverseEvent, grade=5, occurred=date(2030, 1, 4)), "none-after-death"),
    "a fatal outcome before a dose": (
        correct(f.AdverseEventResolved, outcome="fatal", occurred=date(2030, 1, 4)),
        "none-after-death",
    ),
    "300 kg against 60": (correct(f.Dosed, weight_kg=300.0, actual_mg=45.0), "weight-is-plausible"),
    "60 kg against 300": (correct(f.Screened, weight_kg=300.0), "weight-is-plausible"),
    "an event moved behind its own end": (correct(f.AdverseEvent, occurred=date(2030, 1, 30)), "ae-number-is-known"),
    "an event that ended voided": (void(f.AdverseEvent), "ae-number-is-known"),
    "the slot of an enrolled patient voided": (void(f.SlotReserved), "slot-is-reserved"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_change_that_breaks_a_rule_is_refused_by_name(treated: Trial, name: str) -> None:
    attack, rule = ATTACKS[name]
    before = treated.events()
    with pytest.raises(Refused) as error:
        attack(treated, None)
    broken = [r for r in error.value.refusals if r.rule == rule]
    assert broken, [str(r) for r in error.value.refusals]
    assert treated.events() == before
    assert broken_rules(treated.state()) == []


OVERRIDABLE = sorted(set(ATTACKS) - {"an event moved behind its own end", "a fatal outcome before a dose"})


@pytest.mark.parametrize("name", OVERRIDABLE)
def test_it_is_set_aside_only_by_name_and_reason(treated: Trial, name: str) -> None:
    attack, rule = ATTACKS[name]
    for aside in (None, "level-is-open: source document 7"):
        with pytest.raises(Refused) as refused:
            attack(treated, aside)
    named = {r.rule for r in refused.value.refusals}
    for left in named if len(named) > 1 else ():
        with pytest.raises(Refused, match=left):
            attack(treated, f"{', '.join(named - {left})}: source document 7")
    event = attack(treated, f"{', '.join(named)}: source document 7")
    assert event.override is not None
    assert rule in event.override.rules
    assert set(event.override.rules) == named
    assert event.override.why == "source document 7"


def test_a_signed_decision_under_which_patients_were_treated_is_not_voided_unseen(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-22")
    decide(trial, "escalate", 2, 1)
    treat(trial, "002", 2)
    decision = trial.state().trial.decisions[0].event
    with pytest.raises(Refused) as error:
        trial.void(decision.seq, by="x", reason="y")
    rules = {r.rule for r in error.value.refusals}
    assert {"level-is-open", "not-above-the-open-level"} <= rules
    with pytest.raises(Refused, match="level-is-open"):
        trial.correct(decision.seq, by="x", reason="y", slots=2)


def test_a_release_is_not_voided_when_another_has_the_slot(trial: Trial) -> None:
    for patient in ("001", "002"):
        screen(trial, patient)
    trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    release = trial.record(f.SlotReleased(why="withdrew"), patient="001", by="Dr A")
    trial.record(f.SlotReserved(level=1), patient="002", by="Dr A")
    with pytest.raises(Refused, match=r"slot-is-free: event \d+ would no longer hold: level 1 has 1 slot"):
        trial.void(release.seq, by="x", reason="y")


def test_a_release_rests_on_the_slot_that_was_held(trial: Trial, clock: Clock) -> None:
    screen(trial, "001")
    trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    clock.to("2030-01-05")
    released = trial.record(f.SlotReleased(why="withdrew"), patient="001", by="Dr A")
    with pytest.raises(Refused, match=f"slot-to-release: event {released.seq} would no longer hold"):
        trial.record(f.SlotReleased(why="withdrew"), patient="001", by="Dr A", occurred=date(2030, 1, 4))


def test_a_corrected_release_stays_where_it_was(trial: Trial) -> None:
    screen(trial, "001")
    trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    release = trial.record(f.SlotReleased(why="withdrew"), patient="001", by="Dr A")
    again = trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    trial.correct(release.seq, by="Dr A", reason="spelling", why="withdrew, then came back")
    held = trial.state().patients["001"].reservation
    assert held is not None
    assert held.seq == again.seq


def test_a_version_of_the_protocol_holds_the_whole_of_its_first_day(trial: Trial, clock: Clock) -> None:
    """Attested, reserved and enrolled in the morning; in the afternoon an amendment of the same day changes the words."""
    screen(trial, "001")
    trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    words = [
        c | {"text": "other words"} if c["id"] == "I4" else c
        for c in trial.state().trial.documents[0][1]["eligibility"]
    ]
    change = f.ProtocolAmended(version="9.0", why="wording", changes={"eligibility": words})
    with pytest.raises(Refused, match=r"eligible: event \d+ would no longer hold: I4 other words"):
        trial.record(change, by="sponsor")
    clock.to("2030-01-02")
    trial.record(change, by="sponsor")


def test_a_dose_is_planned_even_if_nothing_else_is_known(trial: Trial) -> None:
    dose = f.Dosed(cycle=1, level=1, weight_kg=60.0, actual_mg=9.0)
    aside = "consent-first, enrolled-before-dosing: an emergency"
    assert trial.record(dose, patient="001", by="Dr A", override=aside).fact.planned_mg == 9.0  # type: ignore[attr-defined]


def test_a_planned_dose_rests_on_the_patient_s_size(tmp_path: Any, clock: Clock) -> None:
    plan = load_document(EXAMPLE / "protocol.yaml")
    plan |= {"dose": plan["dose"] | {"body_size": "adjusted ideal body weight"}}
    with Trial.create(tmp_path / "t.posology", plan, by="Dr A", clock=clock) as trial:
        screen(trial, "001")
        trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
        trial.record(f.Enrolled(), patient="001", by="Dr A")
        dose = f.Dosed(cycle=1, level=1, weight_kg=60.0, actual_mg=8.7)
        trial.record(dose, patient="001", by="Dr A")
        with pytest.raises(Refused, match="planned-dose-holds: event 10 would no longer hold"):
            trial.correct(seq(trial, f.Screened), by="x", reason="y", height_cm=195.0)
