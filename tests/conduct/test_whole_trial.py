"""A trial of twelve patients, conducted by hand: late DLTs, corrections, a decision that nobody signed, a backfill."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.open_matters import open_matters
from posology.conduct.rulebook import broken_rules
from posology.conduct.trial import Refused, Trial
from posology.protocol.load import load_document
from posology.record import facts as f
from tests.conduct.test_decision_rules import signature, taken
from tests.conftest import EXAMPLE, Clock, decide

LEVELS = [0.5, 1.0, 2.0, 3.3]


def conduct(path: Path, clock: Clock, design: dict[str, Any], **changes: Any) -> Trial:
    plan = {k: v for k, v in load_document(EXAMPLE / "protocol.yaml").items() if k not in ("titration", "amendments")}
    plan |= {"design": design, "dose": plan["dose"] | {"levels": LEVELS}, "eligibility": [], "expansion": {}} | changes
    return Trial.create(path / "t.posology", plan, by="Dr A", clock=clock)


@pytest.fixture
def bf_boin(tmp_path: Path, clock: Clock) -> Iterator[Trial]:
    design = {"method": "bf-boin", "target": 0.3, "max_patients": 24, "cap": 6, "needs_response": True}
    with conduct(tmp_path, clock, design) as trial:
        yield trial


def enter(trial: Trial, patient: str, level: int, day: str, clock: Clock) -> None:
    clock.to(day)
    for fact in (f.Consented(), f.SlotReserved(level=level), f.Enrolled()):
        trial.record(fact, patient=patient, by="Dr A")
    dose = f.Dosed(cycle=1, level=level, weight_kg=60.0, actual_mg=60 * LEVELS[level - 1])
    trial.record(dose, patient=patient, by="Dr A")


def event(trial: Trial, patient: str, grade: int, day: str, ae: str = "1") -> int:
    fact = f.AdverseEvent(ae=ae, term="Keratitis", grade=grade, related=True)
    return trial.record(fact, patient=patient, by="Dr A", occurred=date.fromisoformat(day)).seq


def judge(trial: Trial, patient: str, dlt: bool, ae: str = "1") -> None:
    trial.record(f.DltAdjudicated(ae=ae, dlt=dlt, why="by the definition"), patient=patient, by="sponsor")


def advice(trial: Trial) -> tuple[str, int | None, int, bool]:
    said = trial.advise()
    return said.action, said.level, said.more, said.settled


def test_twelve_patients(bf_boin: Trial, clock: Clock) -> None:
    trial = bf_boin
    # Level 1: three patients, the third a week later; nothing is decided while one is inside the window.
    assert advice(trial) == ("stay", 1, 3, True)
    enter(trial, "01", 1, "2030-01-02", clock)
    enter(trial, "02", 1, "2030-01-02", clock)
    enter(trial, "03", 1, "2030-01-09", clock)
    clock.to("2030-01-24")
    assert advice(trial) == ("stay", 1, 0, False)
    assert trial.advise(date(2030, 3, 1)).settled is False, "a day to come knows no more"
    with pytest.raises(Refused, match="cohort-is-evaluable: 03 is on day 16"):
        trial.record(taken("escalate", 2, 3), by="committee")
    clock.to("2030-01-30")
    assert advice(trial) == ("escalate", 2, 3, True)

    # A decision that nobody signs opens nothing; it is rejected, and the next one has a number of its own.
    trial.record(taken("escalate", 2, 3), by="committee")
    with pytest.raises(Refused, match="level-is-open: level 2 is not open"):
        enter(trial, "04", 2, "2030-01-31", clock)
    with pytest.raises(Refused, match="decisions-in-order: decision 1 of 2030-01-30 is not signed"):
        trial.record(taken("escalate", 2, 3), by="committee")
    assert "waiting for a signature" in str(open_matters(trial.state(), date(2030, 1, 31))[0])
    trial.record(signature(meaning="rejected"), by="Dr M")
    decide(trial, "escalate", 2, 3)
    assert [d.status.split(" (")[0] for d in trial.state().trial.decisions] == [
        "rejected by Dr M",
        "in force since 2030-01-31",
    ]

    # Level 2: a grade 2 event is judged, then found to be grade 4: the patient is undecided, and so is the advice.
    trial.record(f.SlotReserved(level=2), patient="04", by="Dr A")
    trial.record(f.Enrolled(), patient="04", by="Dr A")
    trial.record(f.Dosed(cycle=1, level=2, weight_kg=60.0, actual_mg=60.0), patient="04", by="Dr A")
    enter(trial, "05", 2, "2030-02-01", clock)
    enter(trial, "06", 2, "2030-02-01", clock)
    clock.to("2030-02-10")
    seen = event(trial, "05", 2, "2030-02-08")
    judge(trial, "05", dlt=False)
    clock.to("2030-02-25")
    assert advice(trial) == ("escalate", 3, 3, True)
    seen = trial.correct(seen, by="monitor", reason="source document", grade=4).seq
    assert advice(trial) == ("stay", 2, 0, False)
    status = next(s for s in trial.advise().pending if s.patient == "05")
    assert status.outcome == "awaiting judgement"
    assert f"it was changed by event {seen}" in status.why
    matters = [str(m) for m in open_matters(trial.state(), date(2030, 2, 25))]
    assert any(m.startswith("05, adverse event 1, Keratitis: to be judged again") for m in matters)
    with pytest.raises(Refused, match="cohort-is-evaluable: 05 waits for the judgement"):
        trial.record(taken("escalate", 3, 3), by="committee")
    judge(trial, "05", dlt=True)
    assert advice(trial) == ("expand", 2, 3, True), "1 of 3 lies between the boundaries of BOIN"

    # A response at level 1 opens it for backfilling, up to its cap; the patients there are not waited for.
    with pytest.raises(Refused, match="backfill-as-advised: the design opens no backfilling at level 1"):
        trial.record(taken("open backfill", 1, 2), by="committee")
    trial.record(f.TumourAssessed(assessment=1, overall="PR"), patient="01", by="Dr A")
    assert trial.advise().backfill == {1: 3}
    decide(trial, "expand", 2, 3)
    with pytest.raises(Refused, match="backfill-as-advised: 4 slots; the cap leaves 3"):
        trial.record(taken("open backfill", 1, 4), by="committee")
    decide(trial, "open backfill", 1, 2)
    assert [(o.level, o.slots) for o in trial.advise().open_level.beside] == [(1, 2)]
    enter(trial, "07", 1, "2030-03-01", clock)
    enter(trial, "08", 2, "2030-03-01", clock)
    enter(trial, "09", 1, "2030-03-02", clock)
    with pytest.raises(Refused, match="slot-is-free: level 1 has 2 slots by decision 4 of 2030-02-25: taken"):
        enter(trial, "10", 1, "2030-03-02", clock)
    trial.record(f.SlotReserved(level=2), patient="10", by="Dr A")
    trial.record(f.Enrolled(), patient="10", by="Dr A")
    trial.record(f.Dosed(cycle=1, level=2, weight_kg=60.0, actual_mg=60.0), patient="10", by="Dr A")
    enter(trial, "11", 2, "2030-03-03", clock)
    counts = {c.level: (c.treated, c.evaluable, c.dlt, c.pending) for c in trial.advise().counts}
    assert (counts[1], counts[2]) == ((5, 3, 0, 2), (6, 3, 1, 3))

    # Two late DLTs: with 3 of 5 at level 2 the design goes down at once, and nobody more is treated there.
    clock.to("2030-03-20")
    for patient in ("08", "10"):
        event(trial, patient, 3, "2030-03-18")
        judge(trial, patient, dlt=True)
    action, level, _, settled = advice(trial)
    assert (action, level) == ("de-escalate", 1)
    assert not settled or "cannot change" in trial.advise().why
    with pytest.raises(Refused, match="no-higher-than-advised: the design advises to de-escalate at level 1"):
        trial.record(taken("expand", 2, 3), by="committee")
    decide(trial, "de-escalate", 1, 1)
    assert trial.advise().open_level.beside == (), "what is the open level is no backfill"
    enter(trial, "12", 1, "2030-03-21", clock)

    # Corrections that would bend what was done are refused, one by one, by the event and the rule.
    state = trial.state()
    decision = state.trial.decisions[1].event
    with pytest.raises(Refused, match=r"level-is-open: event \d+ would no longer hold: level 2 is not open"):
        trial.void(decision.seq, by="x", reason="y")
    enrolment = state.patients["08"].enrolment
    assert enrolment is not None
    with pytest.raises(Refused, match="enrolled-before-dosing"):
        trial.void(enrolment.seq, by="x", reason="y")
    assert broken_rules(trial.state()) == []
    assert len(trial.state().patients) == 12
    assert not any(e.override for e in trial.events())


def test_tite_boin_counts_those_still_followed(tmp_path: Path, clock: Clock) -> None:
    """Two of three went half way through the window: TITE-BOIN waits, then goes up before they are through."""
    with conduct(tmp_path, clock, {"method": "tite-boin", "target": 0.3, "max_patients": 24}) as trial:
        enter(trial, "1", 1, "2030-01-01", clock)
        enter(trial, "2", 1, "2030-01-10", clock)
        enter(trial, "3", 1, "2030-01-11", clock)
        assert advice(trial)[0] == "stay"
        clock.to("2030-01-30")
        tally = trial.advise()
        assert [c.pending for c in tally.counts] == [2, 0, 0, 0]
        assert (tally.action, tally.level) in {("escalate", 2), ("stay", 1)}
        clock.to("2030-02-05")
        assert advice(trial) == ("escalate", 2, 3, True)
