"""Doses in an expansion cohort: the level of the first dose holds until it is reduced."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from posology.conduct.trial import Refused, Trial
from posology.protocol.load import load_document
from posology.record import facts as f
from posology.simulation.trial import TrialSettings, simulate_trial
from tests.conftest import EXAMPLE, Clock, decide, give, screen, treat


def test_a_level_holds_until_it_is_reduced(tmp_path: Path) -> None:
    plan, world = load_document(EXAMPLE / "protocol.yaml"), {"alone": ("ovarian-relapsed", 6), "patients": 1, "seed": 2}
    made = simulate_trial(tmp_path / "whole.posology", plan, TrialSettings(**world))  # type: ignore[arg-type]
    treated = next(s for s in made.subjects if s.first)
    assert treated.first
    simulate_trial(tmp_path / "t.posology", plan, TrialSettings(**world, until=treated.first))  # type: ignore[arg-type]
    trial = Trial.open(tmp_path / "t.posology")
    weight, on = float(treated.person.known.weight_kg[0]), treated.first + timedelta(days=21)
    lower = f.Dosed(cycle=2, level=5, weight_kg=weight, actual_mg=round(3.3 * weight, 1))
    with pytest.raises(Refused, match="level 6"):
        trial.record(lower, patient=treated.id, by="x", occurred=on)
    trial.record(f.DoseReduced(to_level=5, why="toxicity"), patient=treated.id, by="x", occurred=on)
    trial.record(lower, patient=treated.id, by="x", occurred=on)
    trial.close()


def test_an_expansion_cohort_opens_at_several_doses_by_decision(trial: Trial, clock: Clock) -> None:
    """Two doses of a cohort are open beside the level of the escalation; its patients do not count for the dose
    finding."""
    treat(trial, "001", 1)
    clock.to("2030-01-22")
    decide(trial, "escalate", 2, 1)
    treat(trial, "002", 2)
    clock.to("2030-02-15")
    for level in (1, 2):
        decide(trial, "open cohort", level, 1, cohort="ovarian-relapsed")
    assert [(o.cohort, o.level) for o in trial.advise().open_level.beside] == [
        ("ovarian-relapsed", 1),
        ("ovarian-relapsed", 2),
    ]
    counted = [c.treated for c in trial.advise().counts]
    for patient, level in (("003", 1), ("004", 2)):
        screen(trial, patient)
        score = f.TargetScored(assay="x", intensity=3, percent_2plus=80.0)
        trial.record(score, patient=patient, by="Dr A")
        trial.record(f.SlotReserved(level=level, cohort="ovarian-relapsed"), patient=patient, by="Dr A")
        trial.record(f.Enrolled(), patient=patient, by="Dr A")
        give(trial, patient, 1, level)
    state = trial.state()
    assert [(state.patients[p].assigned_level, state.patients[p].current_level) for p in ("003", "004")] == [
        (None, 1),
        (None, 2),
    ]
    assert [c.treated for c in trial.advise().counts] == counted
    screen(trial, "005")
    trial.record(f.TargetScored(assay="x", intensity=3, percent_2plus=80.0), patient="005", by="Dr A")
    slot = f.SlotReserved(level=2, cohort="ovarian-relapsed")
    with pytest.raises(Refused, match="slot-is-free: level 2 has 1 slot by decision 3"):
        trial.record(slot, patient="005", by="Dr A")
    decide(trial, "close cohort", 2, 0, cohort="ovarian-relapsed")
    with pytest.raises(Refused, match="no decision opened ovarian-relapsed at level 2"):
        trial.record(slot, patient="005", by="Dr A")
    with pytest.raises(Refused, match="action-fits-level: ovarian-relapsed is not open at level 2"):
        decide(trial, "close cohort", 2, 0, cohort="ovarian-relapsed")
