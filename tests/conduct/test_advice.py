"""What the design advises on a live trial, and the worked example replayed: the rule's advice beside the committee's
act."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.eligibility import check, criteria
from posology.conduct.trial import Refused, Trial
from posology.protocol.load import load_document
from posology.record import facts as f
from tests.conftest import EXAMPLE, Clock, decide, screen, treat


def tox(trial: Trial, patient: str, grade: int, dlt: bool | None = None) -> None:
    trial.record(f.AdverseEvent(ae="1", term="Keratitis", grade=grade, related=True), patient=patient, by="Dr A")
    if dlt is not None:
        trial.record(f.DltAdjudicated(ae="1", dlt=dlt, why="judged"), patient=patient, by="Dr A")


def answer(trial: Trial) -> tuple[str, int | None, int, bool]:
    advice = trial.advise()
    return advice.action, advice.level, advice.more, advice.settled


def test_a_new_trial_starts_at_level_1(trial: Trial) -> None:
    assert answer(trial) == ("stay", 1, 1, True)


def test_it_waits_for_the_window(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-21")
    assert answer(trial) == ("stay", 1, 0, False)
    assert trial.advise().pending[0].until == date(2030, 1, 21)
    clock.to("2030-01-22")
    assert answer(trial) == ("escalate", 2, 1, True)


def test_a_moderate_toxicity_ends_titration(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-10")
    tox(trial, "001", 2, dlt=False)
    clock.to("2030-01-22")
    assert answer(trial) == ("expand", 1, 2, True)


def test_what_meets_the_definition_waits_for_its_judgement(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-10")
    tox(trial, "001", 3)
    clock.to("2030-03-01")
    assert answer(trial) == ("stay", 1, 0, False)
    waiting = trial.advise().pending[0]
    assert "waits for the judgement of adverse event 1" in str(waiting)
    assert (waiting.outcome, waiting.until) == ("awaiting judgement", None)
    trial.record(f.DltAdjudicated(ae="1", dlt=True, why="grade 3"), patient="001", by="Dr A")
    assert answer(trial) == ("expand", 1, 2, True)


def test_a_patient_who_leaves_early_is_replaced(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-10")
    trial.record(f.Discontinued(why="withdrawal"), patient="001", by="Dr A")
    assert answer(trial) == ("expand", 1, 1, True)
    assert trial.advise().counts[0].not_evaluable == 1


def test_two_dlts_need_no_third_patient(trial: Trial, clock: Clock) -> None:
    """At level 1 with three slots: once two of three had a DLT, the one still inside the window changes nothing."""
    treat(trial, "001", 1)
    clock.to("2030-01-05")
    tox(trial, "001", 3, dlt=True)
    decide(trial, "expand", 1, 2)
    treat(trial, "002", 1)
    treat(trial, "003", 1)
    clock.to("2030-01-10")
    assert answer(trial)[3] is False
    tox(trial, "002", 3, dlt=True)
    assert answer(trial) == ("stop", None, 0, True)
    assert "cannot change that" in trial.advise().why


def test_after_the_mtd_expansion_opens(trial: Trial, clock: Clock) -> None:
    aside = "cohort-is-evaluable, no-higher-than-advised: the test needs an MTD"
    trial.record(f.DecisionTaken(action="declare MTD", level=1, why="x"), by="c", override=aside)
    trial.record(f.DecisionSigned(decision=1, name="Dr M", role="monitor"), by="Dr M")
    assert answer(trial)[0] == "MTD declared"
    screen(trial, "001")
    trial.record(f.TargetScored(assay="x", intensity=3, percent_2plus=80.0), patient="001", by="path")
    trial.record(f.SlotReserved(cohort="ovarian-relapsed"), patient="001", by="Dr A")
    assert trial.record(f.Enrolled(), patient="001", by="Dr A").fact.cohort == "ovarian-relapsed"  # type: ignore[attr-defined]


REPLAYED = [
    ("2012-07-09", "escalate", 2, 1, False),
    ("2012-08-06", "escalate", 3, 1, False),
    ("2012-09-03", "escalate", 4, 1, False),
    ("2012-10-01", "escalate", 5, 3, False),
    ("2012-11-19", "escalate", 6, 3, False),
    ("2013-02-11", "escalate", 7, 3, False),
    ("2013-03-25", "expand", 7, 3, False),
    ("2013-04-15", "stay", 7, 1, True),
]


@pytest.mark.parametrize(("day", "action", "level", "more", "departs"), REPLAYED)
def test_imgn853_replayed(imgn853: Trial, day: str, action: str, level: int, more: int, departs: bool) -> None:
    """On each day the committee met, the rule says this; the record holds what the committee did beside it."""
    on = date.fromisoformat(day)
    advice = imgn853.advise(on)
    assert (advice.action, advice.level, advice.more) == (action, level, more)
    decided = next(d for d in imgn853.state().trial.decisions if d.event.occurred == on)
    kept = decided.fact.advice
    assert kept is not None
    assert (kept["action"], kept["level"], kept["why"]) == (action, level, advice.why)
    assert decided.fact.departs is departs
    assert decided.in_force
    assert decided.fact.protocol_version == "1.0"


def test_imgn853_beyond_the_rule(imgn853: Trial) -> None:
    last = imgn853.state().trial.decisions[-1].fact
    assert (last.action, last.level, last.closed_from) == ("de-escalate", 6, 7)
    assert "two of five patients at level 7" in last.why
    counts = {c["level"]: c for c in (last.advice or {})["counts"]}
    # One of the five is still inside the window on that day: first dose 1 April, day 15.
    assert (counts[7]["treated"], counts[7]["evaluable"], counts[7]["dlt"], counts[7]["pending"]) == (5, 4, 1, 1)


def test_imgn853_at_the_cutoff(imgn853: Trial) -> None:
    advice = imgn853.advise(date(2013, 5, 10))
    assert advice.open_level.mtd is None
    assert (advice.action, advice.level, advice.more, advice.settled) == ("stay", 6, 0, False)
    assert {s.patient: s.until for s in advice.pending} == {
        "0401-016": date(2013, 5, 12),
        "0401-017": date(2013, 5, 19),
        "0401-018": date(2013, 5, 26),
    }
    assert [(c.treated, c.evaluable, c.dlt) for c in advice.counts] == [
        (1, 1, 0),
        (1, 1, 0),
        (1, 1, 0),
        (1, 1, 0),
        (3, 3, 0),
        (6, 3, 0),
        (5, 5, 1),
    ]


def test_imgn853_needs_no_override(imgn853: Trial) -> None:
    assert [e.seq for e in imgn853.events() if e.override] == []


def test_each_criterion_is_met_not_met_or_not_known(imgn853: Trial) -> None:
    state = imgn853.state(date(2013, 5, 10))
    patient = state.patients["0401-005"]
    found = {c.criterion.id: c for c in check(patient, criteria(state.protocol(), "ovarian-resistant"))}
    assert (str(found["X3"].verdict), found["X3"].found) == ("not met", "prior regimens is 12")
    assert found["X3"].event is not None
    assert str(found["X4"].verdict) == "met"
    empty: Any = type(patient)("x", ())
    assert {str(c.verdict) for c in check(empty, criteria(state.protocol()))} == {"not known"}


def test_a_design_that_would_rise_waits_for_the_cohort(tmp_path: Path) -> None:
    """BOIN escalates on no patients at all: it is asked once the slots that the level was given are taken, and
    known."""
    plan = load_document(EXAMPLE / "protocol.yaml")
    plan = {k: v for k, v in plan.items() if k != "titration"} | {
        "design": {"method": "boin", "target": 0.3, "max_patients": 30}
    }
    plan |= {"eligibility": []}
    clock = Clock(datetime(2013, 1, 1, 12, tzinfo=UTC))
    with Trial.create(tmp_path / "t.posology", plan, by="x", on=date(2013, 1, 1), clock=clock) as trial:

        def give(patient: str, level: int, day: str) -> None:
            clock.to(day)
            for fact in (f.Consented(), f.SlotReserved(level=level), f.Enrolled(level=level)):
                trial.record(fact, patient=patient, by="x")
            dose = plan["dose"]["levels"][level - 1] * 60
            trial.record(f.Dosed(cycle=1, level=level, weight_kg=60.0, actual_mg=dose), patient=patient, by="x")

        give("1", 1, "2013-01-02")
        clock.to("2013-02-01")
        early = trial.advise()
        assert (early.action, early.level, early.more) == ("stay", 1, 2), "one of three, without a DLT, is not a cohort"
        with pytest.raises(Refused, match="design advises to stay"):
            trial.record(f.DecisionTaken(action="escalate", level=2, slots=3, why="x"), by="x")
        give("2", 1, "2013-02-01")
        give("3", 1, "2013-02-01")
        clock.to("2013-03-01")
        assert (trial.advise().action, trial.advise().level) == ("escalate", 2)
        trial.record(f.DecisionTaken(action="escalate", level=2, slots=3, why="as advised"), by="x")
        trial.record(f.DecisionSigned(decision=1, name="x", role="b"), by="x")
        assert (trial.advise().action, trial.advise().level, trial.advise().more) == ("stay", 2, 3), (
            "nobody was treated there"
        )
        clock.to("2013-03-02")
        for fact in (f.Consented(), f.SlotReserved(level=2), f.Enrolled(level=2)):
            trial.record(fact, patient="4", by="x")
        give("5", 2, "2013-03-02")
        give("6", 2, "2013-03-02")
        clock.to("2013-04-01")
        waits = trial.advise()
        assert waits.action == "stay" and not waits.settled and "4 (enrolled, not yet treated)" in waits.why


@pytest.mark.parametrize("method", ["tite-boin", "be-boin", "bf-boin", "boin", "gboin", "tite-crm"])
def test_the_mtd_waits_for_every_window(method: str, tmp_path: Path) -> None:
    """The last patient may still have the DLT that moves the MTD: a design that counts patients for the part of their
    window they were followed goes on without waiting, but its paper chooses the MTD when all are known."""
    design: dict[str, Any] = {"method": method, "target": 0.3, "max_patients": 6}
    if method == "tite-crm":
        design |= {"skeleton": [0.15, 0.3], "cohort": 3}
    plan = {k: v for k, v in load_document(EXAMPLE / "protocol.yaml").items() if k != "titration"}
    plan |= {"design": design, "eligibility": [], "expansion": {}, "amendments": []}
    plan["dose"] = plan["dose"] | {"levels": plan["dose"]["levels"][:2]}
    clock = Clock(datetime(2013, 1, 1, 12, tzinfo=UTC))
    with Trial.create(tmp_path / "t.posology", plan, by="x", on=date(2013, 1, 1), clock=clock) as trial:

        def give(patient: str, level: int) -> None:
            for fact in (f.Consented(), f.SlotReserved(level=level), f.Enrolled(level=level)):
                trial.record(fact, patient=patient, by="x")
            dose = plan["dose"]["levels"][level - 1] * 60
            trial.record(f.Dosed(cycle=1, level=level, weight_kg=60.0, actual_mg=dose), patient=patient, by="x")

        clock.to("2013-01-02")
        for name in ("1", "2", "3"):
            give(name, 1)
        clock.to("2013-02-01")
        assert answer(trial)[:2] == ("escalate", 2)
        trial.record(f.DecisionTaken(action="escalate", level=2, slots=3, why="as advised"), by="x")
        trial.record(f.DecisionSigned(decision=1, name="x", role="b"), by="x")
        for name in ("4", "5", "6"):
            give(name, 2)
        clock.to("2013-02-20")
        early = trial.advise()
        assert not early.settled and early.action == "stay", early.why
        with pytest.raises(Refused):
            trial.record(f.DecisionTaken(action="declare MTD", level=2, why="x"), by="x")
        for name in ("4", "5"):
            tox(trial, name, 4, dlt=True)
        clock.to("2013-03-01")
        late = trial.advise()
        assert late.level != 2 or late.action != "declare MTD", late.why


def test_a_backfilling_design_is_advised_in_cohorts(tmp_path: Path) -> None:
    """The design is asked patient by patient; the words name the cohort that the advice opens."""
    plan = {k: v for k, v in load_document(EXAMPLE / "protocol.yaml").items() if k != "titration"}
    plan |= {"design": {"method": "be-boin", "target": 0.3, "max_patients": 30}, "eligibility": []}
    clock = Clock(datetime(2013, 1, 1, 12, tzinfo=UTC))
    with Trial.create(tmp_path / "t.posology", plan, by="x", on=date(2013, 1, 1), clock=clock) as trial:
        clock.to("2013-01-02")
        for name in ("1", "2", "3"):
            for fact in (f.Consented(), f.SlotReserved(level=1), f.Enrolled(level=1)):
                trial.record(fact, patient=name, by="x")
            dose = plan["dose"]["levels"][0] * 60
            trial.record(f.Dosed(cycle=1, level=1, weight_kg=60.0, actual_mg=dose), patient=name, by="x")
        clock.to("2013-02-01")
        advice = trial.advise()
        assert answer(trial) == ("escalate", 2, 3, True) and "3 at level 2" in advice.why


def test_a_level_that_is_exceeded_is_not_filled(tmp_path: Path, clock: Clock, imgn853_document: dict[str, Any]) -> None:
    """Two DLTs decide at once, with a slot still free: nobody more is treated there."""
    plan = {k: v for k, v in imgn853_document.items() if k != "titration"} | {
        "design": {"method": "3+3", "mtd_patients": 3}
    }
    with Trial.create(tmp_path / "t.posology", plan, by="Dr A", clock=clock) as trial:
        for name in ("001", "002", "003"):
            treat(trial, name, 1)
        clock.to("2030-02-20")
        decide(trial, "escalate", 2, 3)
        for name in ("004", "005"):
            treat(trial, name, 2)
            tox(trial, name, 3, dlt=True)
        assert answer(trial) == ("declare MTD", 1, 0, True)


def test_a_patient_treated_is_not_nobody(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    assert trial.advise().why == "nobody of the 1 treated is evaluable yet; wait for 001"


def test_a_dose_within_the_tolerance_is_the_planned_dose(trial: Trial, clock: Clock) -> None:
    """The protocol wants 100 % of the planned dose and tolerates 5 %: 8.6 of 9 mg make no patient less evaluable."""
    screen(trial, "001")
    for fact in (f.SlotReserved(level=1), f.Enrolled(), f.Dosed(cycle=1, level=1, weight_kg=60.0, actual_mg=8.6)):
        trial.record(fact, patient="001", by="Dr A")
    clock.to("2030-01-22")
    assert trial.advise().counts[0].evaluable == 1
    assert answer(trial) == ("escalate", 2, 1, True)
