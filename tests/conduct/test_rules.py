"""Each rule of conduct: what it forbids, the words it says, and that an override is possible and stays visible."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.rulebook import RULES, RULES_FOR_ALL
from posology.conduct.trial import Refused, Trial
from posology.record import facts as f
from tests.conftest import Clock, decide, give, screen, treat


def refused(trial: Trial, fact: f.Fact, patient: str | None, rule: str, said: str, on: date | None = None) -> None:
    """The fact is refused by this rule with these words, and nothing is recorded."""
    before = len(trial.events())
    with pytest.raises(Refused) as error:
        trial.record(fact, patient=patient, by="Dr A", occurred=on)
    hit = [r for r in error.value.refusals if r.rule == rule]
    assert hit, [str(r) for r in error.value.refusals]
    assert said in hit[0].fact
    assert hit[0].text
    assert len(trial.events()) == before


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_consent_and_dates(trial: Trial, clock: Clock) -> None:
    score = f.TargetScored(assay="x", intensity=3)
    refused(trial, score, "001", "consent-first", "no consent of 001")
    trial.record(f.Consented(), patient="001", by="Dr A")
    refused(trial, score, "001", "consent-first", "consented on 2030-01-01 (event 2)", on=day("2029-12-31"))
    refused(trial, score, "001", "not-in-the-future", "2030-02-01 is after today", on=day("2030-02-01"))
    refused(trial, f.Consented(), "001", "consent-once", "consented on 2030-01-01")
    decision = f.DecisionTaken(action="stop", why="x")
    refused(trial, decision, None, "not-before-the-trial", "before the trial was created", on=day("2029-12-31"))
    refused(
        trial,
        f.CriterionAttested(criterion="I9", met=True),
        "001",
        "criterion-exists",
        "'I9' is none of I4, I5, I6, I7",
    )


def test_places(trial: Trial, clock: Clock) -> None:
    screen(trial, "001", ecog=2)
    refused(
        trial,
        f.SlotReserved(level=1),
        "001",
        "eligible",
        "I3 ECOG performance status 0 or 1: not met, ecog is 2 (event 3)",
    )
    trial.record(f.Screened(sex="F", age=60, tumour_type="ovarian", ecog=1), patient="001", by="Dr A")
    refused(trial, f.SlotReserved(), "001", "level-or-cohort", "give a level or a cohort")
    refused(trial, f.SlotReserved(level=9), "001", "level-or-cohort", "there is no level 9")
    refused(trial, f.SlotReserved(cohort="lung"), "001", "level-or-cohort", "there is no cohort 'lung'")
    refused(
        trial,
        f.SlotReserved(level=2),
        "001",
        "level-is-open",
        "level 2 is not open: level 1 is, by the protocol's starting level",
    )
    cohort = f.SlotReserved(cohort="ovarian-relapsed")
    refused(trial, cohort, "001", "level-is-open", "once the MTD is declared")
    refused(trial, f.Enrolled(), "001", "slot-is-reserved", "no slot is reserved for 001")
    refused(trial, f.SlotReleased(why="x"), "001", "slot-to-release", "holds no slot")
    trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    refused(trial, f.SlotReserved(level=1), "001", "enrolled-once", "holds a slot since 2030-01-01")
    refused(trial, f.Enrolled(level=2), "001", "slot-is-reserved", "is at 1")
    screen(trial, "002")
    refused(
        trial,
        f.SlotReserved(level=1),
        "002",
        "slot-is-free",
        "level 1 has 1 slot by the protocol's starting level: taken by 001",
    )
    trial.record(f.Enrolled(), patient="001", by="Dr A")
    refused(trial, f.Enrolled(level=1), "001", "enrolled-once", "was enrolled on 2030-01-01")


def test_a_place_given_back_is_free(trial: Trial) -> None:
    for patient in ("001", "002"):
        screen(trial, patient)
    trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    trial.record(f.SlotReleased(why="withdrew"), patient="001", by="Dr A")
    trial.record(f.SlotReserved(level=1), patient="002", by="Dr A")


def test_doses(trial: Trial, clock: Clock) -> None:
    dose = lambda **changes: f.Dosed(**({"cycle": 1, "level": 1, "weight_kg": 60.0, "actual_mg": 9.0} | changes))
    screen(trial, "001")
    refused(trial, dose(), "001", "enrolled-before-dosing", "001 is not enrolled")
    refused(trial, dose(level=99), "001", "dose-level-exists", "there is no level 99; there are 1 to 7")
    trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    trial.record(f.Enrolled(), patient="001", by="Dr A")
    refused(
        trial,
        dose(level=2, actual_mg=30.0),
        "001",
        "not-above-the-open-level",
        "not opened by any decision; the highest open level is 1",
    )
    refused(trial, dose(level=2, actual_mg=30.0), "001", "at-the-assigned-level", "001 is at level 1, assigned")
    refused(
        trial, dose(actual_mg=10.0), "001", "dose-as-planned", "10 mg was given, 9 mg planned: +11.1 %, more than 5 %"
    )
    refused(trial, dose(cycle=2), "001", "doses-in-order", "the first dose is cycle 1")
    refused(trial, dose(day=8), "001", "doses-in-order", "day 8 is no dosing day")
    trial.record(dose(), patient="001", by="Dr A")
    refused(trial, dose(), "001", "doses-in-order", "cycle 1 day 1 was given on 2030-01-01")
    clock.to("2030-01-15")
    refused(
        trial, dose(cycle=2), "001", "doses-in-order", "this dose is due 21 days later (at most 3 days early), not 14"
    )
    refused(trial, dose(cycle=3), "001", "doses-in-order", "skips one")
    refused(trial, f.DoseReduced(to_level=1, why="x"), "001", "to-a-defined-lower-level", "1 is not lower")
    refused(trial, f.DoseDelayed(days=22, why="x"), "001", "delay-allowed", "the protocol allows 21")
    trial.record(f.Discontinued(why="progression"), patient="001", by="Dr A")
    clock.to("2030-01-22")
    refused(trial, dose(cycle=2), "001", "on-treatment", "left treatment on 2030-01-15")
    refused(trial, f.Discontinued(why="other"), "001", "discontinued-once", "recorded on 2030-01-15")
    trial.record(f.Died(cause="disease"), patient="001", by="Dr A")
    clock.to("2030-01-25")
    refused(trial, f.MarkerMeasured(value=1.0, upper_limit=35.0), "001", "none-after-death", "died on 2030-01-22")
    screen(trial, "002")
    refused(trial, f.Discontinued(why="other"), "002", "enrolled-before-discontinuation", "never enrolled")


def test_reductions(trial: Trial, clock: Clock) -> None:
    """A patient at level 3 may be reduced twice, and stays counted at level 3."""
    for level, patient in enumerate(("001", "002", "003"), 1):
        treat(trial, patient, level)
        clock.to(f"2030-0{level + 1}-01")
        if level < 3:
            decide(trial, "escalate", level + 1, 1)
    trial.record(f.DoseReduced(to_level=2, why="toxicity"), patient="003", by="Dr A")
    give(trial, "003", 2, 2)
    clock.to("2030-05-01")
    trial.record(f.DoseReduced(to_level=1, why="toxicity"), patient="003", by="Dr A")
    refused(
        trial,
        f.DoseReduced(to_level=1, why="x"),
        "003",
        "reductions-left",
        "2 reductions made; the protocol allows 2",
    )
    advice = trial.advise()
    assert [c.treated for c in advice.counts] == [1, 1, 1, 0, 0, 0, 0]


def test_toxicity(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-10")
    event = f.AdverseEvent(ae="1", term="Keratitis", grade=3, related=True)
    trial.record(event, patient="001", by="Dr A")
    refused(trial, event, "001", "ae-number-is-unique", "is Keratitis (event")
    coded = f.AdverseEvent(ae="2", term="10023332", grade=3, related=True)
    refused(trial, coded, "001", "term-is-a-name", "enter its term, Keratitis")
    resolved = f.AdverseEventResolved(ae="2")
    refused(trial, resolved, "001", "ae-number-is-known", "has no adverse event 2; recorded: 1")
    refused(
        trial,
        f.AdverseEventResolved(ae="1"),
        "001",
        "ae-number-is-known",
        "its onset was on 2030-01-10",
        on=day("2030-01-05"),
    )
    judged = f.DltAdjudicated(ae="1", dlt=False, why="x")
    refused(trial, judged, "001", "judged-by-the-definition", "by the definition it is a DLT: Grade 3 or worse")
    trial.record(f.DltAdjudicated(ae="1", dlt=True, why="grade 3"), patient="001", by="Dr A")
    refused(trial, f.DltAdjudicated(ae="1", dlt=True, why="x"), "001", "judged-once", "it was judged on 2030-01-10")
    trial.record(f.AdverseEventResolved(ae="1"), patient="001", by="Dr A")
    refused(trial, f.AdverseEventResolved(ae="1"), "001", "resolved-once", "it ended on 2030-01-10")


def test_lesions(trial: Trial, clock: Clock) -> None:
    lesion = lambda **changes: f.LesionMeasured(
        **({"assessment": 0, "lesion": "T1", "role": "target", "organ": "liver", "diameter_mm": 20.0} | changes)
    )
    screen(trial, "001")
    refused(
        trial, lesion(assessment=1), "001", "baseline-before-treatment", "has not been treated: only assessment 0 fits"
    )
    trial.record(lesion(), patient="001", by="Dr A")
    refused(trial, lesion(), "001", "lesion-measured-once", "lesion T1 at assessment 0 is event")
    refused(
        trial,
        lesion(lesion="N1", role="new", status="present", diameter_mm=None),
        "001",
        "lesion-keeps-its-role",
        "N1 is new at the baseline",
    )
    refused(trial, lesion(lesion="T2", diameter_mm=None), "001", "lesion-has-value", "neither a diameter nor a status")
    refused(trial, lesion(lesion="T2", status="absent"), "001", "lesion-has-value", "is absent and measures 20 mm")
    trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    trial.record(f.Enrolled(), patient="001", by="Dr A")
    clock.to("2030-01-02")
    give(trial, "001", 1, 1)
    clock.to("2030-02-10")
    refused(trial, lesion(lesion="T2"), "001", "baseline-before-treatment", "before this baseline")
    refused(
        trial, lesion(assessment=1, organ="lung"), "001", "lesion-keeps-its-role", "lesion T1 is a target lesion, liver"
    )
    refused(trial, lesion(assessment=1, lesion="T9"), "001", "lesion-keeps-its-role", "not in the baseline")
    trial.record(lesion(assessment=2), patient="001", by="Dr A")
    clock.to("2030-02-20")
    refused(trial, lesion(assessment=1), "001", "assessments-in-order", "assessment 2 is of 2030-02-10")
    trial.record(f.TumourAssessed(assessment=2, overall="SD"), patient="001", by="Dr A", occurred=day("2030-02-10"))
    refused(
        trial,
        f.TumourAssessed(assessment=2, overall="PR"),
        "001",
        "assessed-once",
        "assessment 2 was read",
        on=day("2030-02-10"),
    )
    sample = f.MarkerMeasured(value=100.0, upper_limit=35.0)
    trial.record(sample, patient="001", by="Dr A")
    refused(trial, sample, "001", "marker-measured-once", "CA-125 of 2030-02-20 is event")


def test_decisions(trial: Trial, clock: Clock) -> None:
    taken = lambda action, level=None, slots=1, **more: f.DecisionTaken(
        action=action, level=level, slots=slots, why="x", **more
    )
    treat(trial, "001", 1)
    refused(
        trial,
        taken("escalate", 2),
        None,
        "cohort-is-evaluable",
        "001 is on day 1 of the window of 21 days, until 2030-01-21",
    )
    clock.to("2030-01-22")
    refused(trial, taken("escalate", 3), None, "action-fits-level", "the open level is 1; level 3 skips a level")
    refused(trial, taken("escalate"), None, "level-exists", "to escalate, name the level")
    refused(trial, taken("escalate", 8), None, "level-exists", "there is no level 8")
    refused(trial, taken("stop", 1), None, "level-exists", "stopping opens no level")
    refused(trial, taken("escalate", 2, slots=0), None, "slots-given", "say how many patients")
    refused(trial, taken("declare MTD", 1), None, "no-higher-than-advised", "the design advises to escalate at level 2")
    trial.record(taken("escalate", 2), by="committee")
    refused(trial, taken("escalate", 2), None, "decisions-in-order", "decision 1 of 2030-01-22 is not signed")
    refused(trial, f.SlotReserved(level=2), "001", "level-is-open", "level 2 is not open")
    sign = f.DecisionSigned(decision=1, name="Dr M", role="monitor")
    refused(
        trial,
        f.DecisionSigned(decision=4, name="Dr M", role="monitor"),
        None,
        "decision-exists",
        "there is no decision 4",
    )
    refused(trial, sign, None, "decision-exists", "taken on 2030-01-22, after", on=day("2030-01-10"))
    trial.record(sign, by="Dr M")
    refused(trial, sign, None, "decision-exists", "Dr M signed decision 1")
    clock.to("2030-01-23")
    decide(trial, "de-escalate", 1, 1, closed_from=2)
    refused(trial, taken("escalate", 2), None, "level-not-closed", "level 2 was closed: the highest level left is 1")
    assert trial.state().trial.decisions[1].fact.departs


def test_amendments_and_locks(trial: Trial, clock: Clock, imgn853_document: dict[str, Any]) -> None:
    fresh = f.ProtocolAmended(version="3.0", why="x", changes={"trial": {"title": "new"}})
    clock.to("2030-02-01")
    trial.record(fresh, by="sponsor")
    refused(trial, fresh, None, "amendment-in-order", "version 3.0 is in the record already")
    refused(trial, f.CutoffLocked(cutoff=day("2030-03-01")), None, "cutoff-is-past", "the cutoff 2030-03-01 is after")
    trial.lock(day("2030-01-31"), by="Dr A")
    refused(trial, f.CutoffLocked(cutoff=day("2030-01-31")), None, "cutoff-is-past", "was locked on 2030-02-01")


def test_every_rule_was_tried() -> None:
    """A rule that no test here breaks is a rule nobody has seen work."""
    names = {rule.__name__.replace("_", "-") for rules in (RULES_FOR_ALL, *RULES.values()) for rule in rules}
    text = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()


def test_an_override_is_by_name_with_a_reason_and_stays(trial: Trial) -> None:
    screen(trial, "001", ecog=2)
    event = trial.record(
        f.SlotReserved(level=1), patient="001", by="Dr M", override="eligible: waiver 3, ECOG 2 from an old fracture"
    )
    assert event.override is not None
    assert event.override.rules == ("eligible",)
    assert event.override.by == "Dr M"
    kept = trial.events()[-1].override
    assert kept is not None
    assert "ecog is 2" in kept.facts[0]
    assert trial.record(f.Enrolled(), patient="001", by="Dr A", override="eligible: waiver 3").override is not None


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda t: t.correct(99, by="x", reason="y", age=3), "there is no event 99 in effect"),
        (lambda t: t.correct(3, by="x", reason="", age=3), "give the reason"),
        (lambda t: t.void(1, by="x", reason="y"), "the creation of the trial cannot be corrected"),
    ],
)
def test_a_correction_needs_its_event_and_reason(trial: Trial, attempt: Callable[[Trial], object], said: str) -> None:
    screen(trial, "001")
    with pytest.raises(Refused, match=said):
        attempt(trial)


def test_a_correction_is_checked_by_the_rules(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    dose = trial.state().patients["001"].doses[0]
    with pytest.raises(Refused, match="dose-as-planned"):
        trial.correct(dose.seq, by="x", reason="typo", actual_mg=90.0)
    trial.correct(dose.seq, by="x", reason="typo", actual_mg=9.1)
    assert len(trial.state().patients["001"].doses) == 1


def test_a_void_takes_out_of_effect(trial: Trial) -> None:
    screen(trial, "001")
    event = trial.state().patients["001"].last(f.Screened)
    assert event is not None
    trial.void(event.seq, by="x", reason="wrong patient")
    assert trial.state().patients["001"].screening is None
