"""What the committee may decide and sign, and what becomes of a signature when the decision is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.trial import Refused, Trial
from posology.record import facts as f
from tests.conduct.test_rules import refused
from tests.conftest import Clock, decide, screen, treat


def taken(action: str, level: int | None = None, slots: int = 1, **more: Any) -> f.DecisionTaken:
    return f.DecisionTaken(**{"action": action, "level": level, "slots": slots, "why": "agreed"} | more)  # type: ignore[arg-type]


def signature(decision: int = 1, name: str = "Dr M", **more: Any) -> f.DecisionSigned:
    return f.DecisionSigned(**{"decision": decision, "name": name, "role": "medical monitor"} | more)  # type: ignore[arg-type]


def dlt(trial: Trial, patient: str) -> None:
    """Give a patient a DLT, on the clock's day."""
    trial.record(f.AdverseEvent(ae="1", term="Keratitis", grade=3, related=True), patient=patient, by="Dr A")
    trial.record(f.DltAdjudicated(ae="1", dlt=True, why="grade 3"), patient=patient, by="Dr A")


@pytest.fixture
def escalated(trial: Trial, clock: Clock) -> Trial:
    """Level 1 was clean; decision 1, to open level 2 for one patient, is taken and signed."""
    treat(trial, "001", 1)
    clock.to("2030-01-22")
    trial.record(taken("escalate", 2), by="committee")
    trial.record(signature(), by="Dr M")
    return trial


def first(trial: Trial) -> Any:
    return trial.state().trial.decisions[0]


# Signatures -----------------------------------------------------------------------------------------------------------


def test_a_signature_carries_the_hash_of_what_it_signs(escalated: Trial) -> None:
    decided = first(escalated)
    assert decided.signatures[0].fact.signed == decided.event.hash
    assert decided.status == "in force since 2030-01-22"
    assert escalated.advise().open_level.level == 2


def test_voiding_a_signed_decision_frees_no_slots_for_the_next(escalated: Trial) -> None:
    """The old signature does not put another decision in force, and its number is not used again."""
    escalated.void(first(escalated).event.seq, by="committee", reason="entered in error")
    assert escalated.advise().open_level.level == 1
    assert [s.fact.name for s in escalated.state().trial.orphans] == ["Dr M"]  # type: ignore[attr-defined]
    event = escalated.record(taken("escalate", 2, 4), by="committee")
    assert event.fact.number == 2  # type: ignore[attr-defined]
    assert not first(escalated).in_force
    screen(escalated, "002")
    said = "level 2 is not open: level 1 is, by the protocol's starting level; decision 2 of 2030-01-22 would open it: "
    refused(escalated, f.SlotReserved(level=2), "002", "level-is-open", f"{said}waiting for a signature")


def test_a_corrected_decision_is_not_signed(escalated: Trial) -> None:
    old = first(escalated).event
    new = escalated.correct(old.seq, by="committee", reason="two were meant", slots=2)
    decided = first(escalated)
    assert (decided.fact.number, decided.in_force, decided.missing) == (1, False, ("a signature",))
    assert f"changed by event {new.seq} after it was signed" in decided.status
    assert decided.fact.advice == old.fact.advice  # type: ignore[attr-defined]
    assert escalated.advise().open_level.level == 1
    escalated.record(signature(), by="Dr M")
    assert first(escalated).in_force


def test_only_approval_gives_force(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-22")
    trial.record(taken("escalate", 2), by="committee")
    refused(trial, signature(meaning="seen"), None, "meaning-is-known", "it must be approved, rejected, reviewed")
    trial.record(signature(name="Dr R", meaning="reviewed"), by="Dr R")
    assert not first(trial).in_force
    trial.record(signature(meaning="rejected"), by="Dr M")
    assert first(trial).status.startswith("rejected by Dr M")
    trial.record(signature(name="Dr N"), by="Dr N")
    assert not first(trial).in_force
    assert trial.record(taken("escalate", 2), by="committee").fact.number == 2  # type: ignore[attr-defined]


def test_everyone_signs_for_themselves(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-22")
    refused(trial, signature(decision=1, name="Dr A"), None, "decision-exists", "there is no decision 1")
    trial.record(taken("escalate", 2), by="committee")
    refused(trial, signature(name="Dr M"), None, "signed-by-its-author", "Dr A cannot sign as Dr M")
    event = trial.record(signature(name=None), by="Dr M")  # type: ignore[arg-type]
    assert event.fact.name == "Dr M"  # type: ignore[attr-defined]
    with pytest.raises(Refused, match="signature-stands"):
        trial.correct(event.seq, by="Dr B", reason="wrong name", name="Dr B", override="signed-by-its-author: x")
    refused(trial, signature(name="Dr A", meaning="rejected"), None, "not-rejected-in-force", "decision 1 is in force")


@pytest.fixture
def committee(tmp_path: Path, clock: Clock, imgn853_document: dict[str, Any]) -> Iterator[Trial]:
    plan = imgn853_document | {"committee": {"sign": ["medical monitor", "statistician"], "extra_slots": 0}}
    with Trial.create(tmp_path / "t.posology", plan, by="Dr A", clock=clock) as made:
        yield made


def test_all_roles_of_the_protocol_must_sign(committee: Trial, clock: Clock) -> None:
    treat(committee, "001", 1)
    clock.to("2030-01-22")
    committee.record(taken("escalate", 2), by="committee")
    refused(committee, signature(role="statistican"), None, "role-may-sign", "did you mean statistician?")
    committee.record(signature(), by="Dr M")
    assert (first(committee).in_force, first(committee).missing) == (False, ("statistician",))
    assert committee.advise().open_level.level == 1
    clock.to("2030-01-24")
    committee.record(signature(name="Dr S", role="Statistician"), by="Dr S")
    assert first(committee).status == "in force since 2030-01-24"
    assert committee.advise().open_level.level == 2
    assert committee.advise(date(2030, 1, 23)).open_level.level == 1


def test_one_person_does_not_sign_for_two_roles_by_another_spelling(committee: Trial, clock: Clock) -> None:
    committee.record(taken("stop"), by="Dr A")
    committee.record(signature(), by="Dr M")
    for name in ("Dr M", "DR M", "dr m"):
        with pytest.raises(Refused, match="decision-exists: Dr M signed decision 1"):
            committee.record(signature(name=name, role="statistician"), by=name)


def test_a_record_from_before_hashes_keeps_its_meaning(escalated: Trial) -> None:
    """A signature without a hash is of the decision that was in effect when it was recorded."""
    state = escalated.state()
    decided = first(escalated)
    old = replace(decided.signatures[0].fact, signed=None)
    assert old.binds(decided.signatures[0].seq, decided.event)
    assert not old.binds(decided.event.seq - 1, decided.event)
    assert state.trial.decisions[0].in_force


# Above the advice -----------------------------------------------------------------------------------------------------


@pytest.fixture
def toxic(trial: Trial, clock: Clock) -> Trial:
    """Two of three patients at level 1 had a DLT: the design says stop, and nobody has met."""
    treat(trial, "001", 1)
    dlt(trial, "001")
    decide(trial, "expand", 1, 2)
    treat(trial, "002", 1)
    screen(trial, "003")
    dlt(trial, "002")
    assert trial.advise().action == "stop"
    return trial


AGREED = "level-not-too-toxic, slot-is-free, slot-is-reserved: the sponsor agreed"


def test_nobody_is_treated_at_a_level_that_the_design_calls_too_toxic(toxic: Trial) -> None:
    refused(toxic, f.SlotReserved(level=1), "003", "level-not-too-toxic", "asked on 2030-01-01 about level 1")
    toxic.record(f.SlotReserved(level=1), patient="003", by="Dr A", override=AGREED)
    refused(toxic, f.Enrolled(), "003", "level-not-too-toxic", "about level 1")
    toxic.record(f.Enrolled(), patient="003", by="Dr A", override=AGREED)
    dose = f.Dosed(cycle=1, level=1, weight_kg=60.0, actual_mg=9.0)
    refused(toxic, dose, "003", "level-not-too-toxic", "about level 1")


def test_above_the_advice_only_by_override(toxic: Trial) -> None:
    refused(toxic, taken("expand", 1, 3), None, "no-higher-than-advised", "the design advises to stop")
    refused(toxic, taken("declare MTD", 1), None, "no-higher-than-advised", "the design advises to stop")
    decide(toxic, "stop", None)
    for fact in (taken("expand", 1, 3), taken("declare MTD", 1), taken("escalate", 2)):
        refused(toxic, fact, None, "dose-finding-goes-on", "dose finding was stopped by decision 2")


def test_the_mtd_is_the_design_s(tmp_path: Path, clock: Clock, imgn853_document: dict[str, Any]) -> None:
    plan = {k: v for k, v in imgn853_document.items() if k != "titration"}
    with Trial.create(
        tmp_path / "t.posology", plan | {"design": {"method": "3+3", "mtd_patients": 3}}, by="Dr A", clock=clock
    ) as trial:
        for name in ("001", "002", "003"):
            treat(trial, name, 1)
        clock.to("2030-01-22")
        decide(trial, "escalate", 2, 3)
        for name in ("004", "005", "006"):
            treat(trial, name, 2)
        dlt(trial, "004")
        dlt(trial, "005")
        clock.to("2030-02-22")
        assert (trial.advise().action, trial.advise().level) == ("declare MTD", 1)
        refused(
            trial,
            taken("declare MTD", 2),
            None,
            "no-higher-than-advised",
            "the design advises to declare MTD at level 1",
        )
        refused(trial, taken("expand", 2, 3), None, "no-higher-than-advised", "declare MTD at level 1")
        refused(trial, taken("open backfill", 2, 1), None, "level-opened-is-safe", "about level 2")
        decide(trial, "declare MTD", 1)
        refused(trial, taken("escalate", 2), None, "dose-finding-goes-on", "level 1 was declared the MTD by decision 2")


def test_slots_beyond_the_margin(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-22")
    refused(trial, taken("escalate", 2, 99), None, "slots-as-advised", "99 slots; the design asks for 1")
    trial.record(taken("escalate", 2, 4), by="committee")


@pytest.mark.parametrize(
    ("fact", "rule"),
    [
        (taken("escalate", 99), "level-exists"),
        (taken("open cohort", 1, cohort="lung"), "cohort-exists"),
        (signature(decision=7, name="Dr A"), "decision-exists"),
    ],
)
def test_no_override_names_what_does_not_exist(trial: Trial, fact: f.Fact, rule: str) -> None:
    def record_day(day: date, rule: str) -> None:
        trial.record(f.Consented(), patient="009", by="Dr A", occurred=day, override=f"{rule}: all the same")

    with pytest.raises(Refused, match=rule):
        trial.record(fact, by="Dr A", override=f"{rule}: all the same")
    with pytest.raises(Refused, match="not-in-the-future"):
        record_day(date(9999, 1, 1), "not-in-the-future")
    with pytest.raises(Refused, match="consent-near-the-trial"):
        record_day(date(1066, 1, 1), "consent-near-the-trial")


# Amendments -----------------------------------------------------------------------------------------------------------


def amended(version: str = "3.0", **changes: Any) -> f.ProtocolAmended:
    return f.ProtocolAmended(version=version, why="x", changes=changes)


def test_an_amendment_is_valid_and_of_this_trial(trial: Trial, imgn853_document: dict[str, Any]) -> None:
    refused(trial, amended(trial={"id": "OTHER"}), None, "amendment-is-valid", "it is of trial OTHER; this is IMGN853")
    refused(trial, amended(dose={"levels": [3, 2, 1]}), None, "amendment-is-valid", "is not above level 1")
    with pytest.raises(Refused, match="would not be valid"):
        trial.record(amended(dlt=None), by="Dr A", override="amendment-is-valid: all the same")
    other = imgn853_document | {"trial": imgn853_document["trial"] | {"id": "OTHER"}}
    with pytest.raises(Refused, match="is of trial OTHER; this is IMGN853-0401"):
        trial.amend(other, by="Dr A")


def test_a_file_that_says_otherwise_what_the_record_holds_amends_nothing(
    trial: Trial, imgn853_document: dict[str, Any]
) -> None:
    base = imgn853_document
    with pytest.raises(
        Refused, match=r"versions-as-recorded: version 2.0 is another .*dlt: window_days: was 21; is 28"
    ):
        trial.amend(base | {"dlt": base["dlt"] | {"window_days": 28}}, by="Dr A")
    trial.record(amended("1.5", trial={"title": "new"}), by="Dr A")
    with pytest.raises(Refused, match="the record holds version 1.5, which the file does not"):
        trial.amend(base, by="Dr A")


def test_an_amendment_rests_on_the_version_before(trial: Trial) -> None:
    base = trial.record(amended("3.0", trial={"title": "new"}), by="Dr A")
    trial.record(amended("4.0", trial={"population": "more"}), by="Dr A")
    with pytest.raises(Refused, match="amendment-rests-on-its-version: event 3 would no longer hold"):
        trial.void(base.seq, by="Dr A", reason="withdrawn")
    aside = "amendment-rests-on-its-version: 4.0 was checked against 2.0"
    trial.void(base.seq, by="Dr A", reason="withdrawn", override=aside)
