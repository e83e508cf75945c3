"""Doses in an expansion cohort: the level of the first dose holds until it is reduced."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from posology.conduct.trial import Refused, Trial
from posology.protocol.load import load_document
from posology.record import facts as f
from posology.simulation.trial import TrialSettings, simulate_trial
from tests.conftest import EXAMPLE


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
