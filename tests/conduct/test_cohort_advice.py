"""An expansion cohort conducted by its design: late responses, a correction, a cohort that ends, by Simon's design."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from posology.cli.app import app
from posology.conduct.cohort_advice import CohortAdvice, advise_cohorts
from posology.conduct.trial import Refused, Trial
from posology.protocol.load import load_document
from posology.record import facts as f
from tests.conftest import EXAMPLE, Clock

DESIGN = {"method": "simon optimal", "p0": 0.1, "p1": 0.5}


def conduct(path: Path, clock: Clock, **design: Any) -> Trial:
    plan = {k: v for k, v in load_document(EXAMPLE / "protocol.yaml").items() if k not in ("titration", "amendments")}
    plan |= {"eligibility": [], "expansion": {"ovary": {"title": "Ovarian cancer", "design": {**DESIGN, **design}}}}
    plan["design"] = {"method": "3+3"}
    trial = Trial.create(path / "t.posology", plan, by="Dr A", clock=clock)
    aside = "cohort-is-evaluable, no-higher-than-advised: the MTD was found in another trial"
    trial.record(f.DecisionTaken(action="declare MTD", level=1, why="agreed"), by="committee", override=aside)
    trial.record(f.DecisionSigned(decision=1, name="Dr M", role="medical monitor"), by="Dr M")
    return trial


@pytest.fixture
def trial(tmp_path: Path, clock: Clock) -> Iterator[Trial]:
    clock.to("2030-01-01")
    with conduct(tmp_path, clock) as opened:
        yield opened


def enter(trial: Trial, patient: str, clock: Clock, day: str) -> None:
    """Take a patient into the cohort, dose her and measure 50 mm at the baseline."""
    clock.to(day)
    for fact in (
        f.Consented(),
        f.LesionMeasured(assessment=0, lesion="T1", organ="liver", role="target", diameter_mm=50.0),
        f.SlotReserved(cohort="ovary"),
        f.Enrolled(),
        f.Dosed(cycle=1, level=1, weight_kg=60.0, actual_mg=60.0 * trial.state().protocol().dose.levels[0]),
    ):
        trial.record(fact, patient=patient, by="Dr A")


def scan(trial: Trial, patient: str, clock: Clock, day: str, number: int, size: float) -> int:
    clock.to(day)
    lesion = f.LesionMeasured(assessment=number, lesion="T1", organ="liver", role="target", diameter_mm=size)
    return trial.record(lesion, patient=patient, by="Dr A").seq


def advice(trial: Trial) -> CohortAdvice:
    (cohort,) = advise_cohorts(trial.state(), trial.today())
    return cohort


def test_simon_with_late_responses_and_a_correction(trial: Trial, clock: Clock) -> None:
    first = advice(trial)
    look = first.more
    assert first.action == "continue" and first.treated == 0
    patients = [f"P{k}" for k in range(1, look + 1)]
    for k, patient in enumerate(patients):
        enter(trial, patient, clock, f"2030-01-{2 + k:02d}")
    # Everybody may still respond: the look waits for them.
    waiting = advice(trial)
    assert (waiting.action, waiting.more) == ("wait", 0) and waiting.awaited == tuple(patients)
    # All but one progress; the last shrinks by half, not yet confirmed.
    for patient in patients[:-1]:
        scan(trial, patient, clock, "2030-02-20", 1, 80.0)
    half = scan(trial, patients[-1], clock, "2030-02-20", 1, 25.0)
    unconfirmed = advice(trial)
    assert unconfirmed.action == "wait" and unconfirmed.awaited == (patients[-1],) and unconfirmed.responders == ()
    # Confirmed after 28 days: one response is enough to go on.
    scan(trial, patients[-1], clock, "2030-04-05", 2, 25.0)
    confirmed = advice(trial)
    assert confirmed.action == "continue" and confirmed.responders == (patients[-1],) and confirmed.more > 0
    # The first measurement was mistyped: it was growth. No response, and the cohort is futile.
    trial.correct(half, by="Dr A", reason="typed wrong", diameter_mm=75.0)
    futile = advice(trial)
    assert futile.action == "stop for futility" and futile.responders == () and futile.more == 0
    assert f"0 of {look} patients responded" in futile.why


def test_nobody_enters_a_cohort_that_its_design_ends(trial: Trial, clock: Clock) -> None:
    look = advice(trial).more
    for k in range(look):
        enter(trial, f"P{k}", clock, f"2030-01-{2 + k:02d}")
        scan(trial, f"P{k}", clock, "2030-02-20", 1, 80.0)
        clock.to("2030-01-20")
    clock.to("2030-03-01")
    trial.record(f.Consented(), patient="P99", by="Dr A")
    with pytest.raises(Refused, match="stop for futility") as refusal:
        trial.record(f.SlotReserved(cohort="ovary"), patient="P99", by="Dr A")
    assert "cohort-goes-on" in str(refusal.value)
    trial.record(
        f.SlotReserved(cohort="ovary"),
        patient="P99",
        by="Dr A",
        override="cohort-goes-on: the committee wants one more",
    )


def test_who_no_longer_can_respond(tmp_path: Path, clock: Clock) -> None:
    clock.to("2030-01-01")
    with conduct(tmp_path, clock, respond_within_days=60) as trial:
        enter(trial, "left", clock, "2030-01-02")
        trial.record(f.Discontinued(why="adverse event"), patient="left", by="Dr A")
        enter(trial, "late", clock, "2030-01-03")
        assert advice(trial).awaited == ("late",)
        clock.to("2030-03-04")
        assert advice(trial).awaited == ("late",)  # day 60
        clock.to("2030-03-05")
        assert advice(trial).awaited == ()


def test_an_unconfirmed_response_where_it_counts(tmp_path: Path, clock: Clock) -> None:
    clock.to("2030-01-01")
    with conduct(tmp_path, clock, endpoint="response") as trial:
        enter(trial, "P1", clock, "2030-01-02")
        scan(trial, "P1", clock, "2030-02-20", 1, 25.0)
        assert advice(trial).responders == ("P1",)


def test_the_command_shows_it(tmp_path: Path, clock: Clock) -> None:
    clock.to("2020-01-01")
    with conduct(tmp_path, clock) as trial:
        enter(trial, "P1", clock, "2020-01-02")
    place = str(tmp_path / "t.posology")
    shown = CliRunner().invoke(app, ["trial", "advise", place, "--cutoff", "2020-01-02", "--json"])
    (cohort,) = json.loads(shown.output)["cohorts"]
    assert (cohort["cohort"], cohort["action"], cohort["awaited"]) == ("ovary", "continue", ["P1"])
    words = CliRunner().invoke(app, ["trial", "advise", place, "--cutoff", "2020-01-02"]).output
    assert "cohort ovary: CONTINUE" in words and "may still respond: P1" in words


def test_a_protocol_without_designs_has_no_advice(imgn853: Trial) -> None:
    assert advise_cohorts(imgn853.state(), imgn853.today()) == ()
