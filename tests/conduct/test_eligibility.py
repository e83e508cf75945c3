"""Who may enter: laboratory values in any unit and not too old, and criteria attested under the wording that holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.eligibility import check, criteria
from posology.conduct.trial import Trial
from posology.record import facts as f
from posology.record.collected import LaboratoryMeasured
from tests.conduct.test_rules import refused
from tests.conftest import Clock

CRITERIA = [
    {
        "id": "L1",
        "text": "Neutrophils",
        "fact": "laboratory",
        "test": "NEUT",
        "unit": "10^9/L",
        "at_least": 1.5,
        "within_days": 14,
    },
    {"id": "L2", "text": "ALT", "fact": "laboratory", "test": "ALT", "unit": "ULN", "at_most": 2.5},
    {"id": "L3", "text": "AST", "fact": "laboratory", "test": "AST", "unit": "U/L", "at_most": 100},
]


@pytest.fixture
def laboratory(tmp_path: Path, clock: Clock, imgn853_document: dict[str, Any]) -> Iterator[Trial]:
    plan = imgn853_document | {"eligibility": CRITERIA}
    with Trial.create(tmp_path / "t.posology", plan, by="Dr A", clock=clock) as trial:
        trial.record(f.Consented(), patient="001", by="Dr A")
        yield trial


def verdicts(trial: Trial, on: str) -> dict[str, tuple[str, str]]:
    state = trial.state()
    checked = check(state.patients["001"], criteria(state.protocol()), on=date.fromisoformat(on))
    return {c.criterion.id: (str(c.verdict), c.found) for c in checked}


def test_laboratory_values(laboratory: Trial, clock: Clock) -> None:
    record = lambda **more: laboratory.record(LaboratoryMeasured(**more), patient="001", by="Dr A")
    assert verdicts(laboratory, "2030-01-01")["L1"] == ("not known", "NEUT is not recorded")
    record(test="NEUT", value=1400.0, unit="1/uL")
    record(test="ALT", value=100.0, unit="U/L", upper_limit=40.0)
    assert verdicts(laboratory, "2030-01-01") == {
        "L1": ("not met", "NEUT is 1400 1/uL on 2030-01-01"),
        "L2": ("met", "ALT is 100 U/L on 2030-01-01"),
        "L3": ("not known", "AST is not recorded"),
    }
    record(test="AST", value=0.8, unit="ukat/L")  # an enzyme is read in its own unit alone
    assert verdicts(laboratory, "2030-01-01")["L3"] == (
        "not known",
        "AST is 0.8 ukat/L on 2030-01-01: it cannot be read in U/L",
    )
    record(test="AST", value=80.0, unit="u/l")
    assert verdicts(laboratory, "2030-01-01")["L3"][0] == "met"
    refused(laboratory, f.SlotReserved(level=1), "001", "eligible", "L1 Neutrophils: not met, NEUT is 1400 1/uL")
    record(test="NEUT", value=1.6, unit="10^9/L")
    assert verdicts(laboratory, "2030-01-15")["L1"][0] == "met"
    assert verdicts(laboratory, "2030-01-16")["L1"] == (
        "not known",
        "NEUT is 1.6 10^9/L on 2030-01-01: older than 14 days",
    )
    laboratory.record(f.SlotReserved(level=1), patient="001", by="Dr A")


def test_what_was_attested_under_another_wording_is_open_again(trial: Trial, clock: Clock) -> None:
    trial.record(f.Consented(), patient="001", by="Dr A")
    trial.record(f.CriterionAttested(criterion="I5", met=True), patient="001", by="Dr A")
    found = lambda: {
        c.criterion.id: c
        for c in check(
            trial.state().patients["001"],
            criteria(trial.state().protocol()),
            versions=trial.state().trial.protocols,
        )
    }["I5"]
    assert str(found().verdict) == "met"
    clock.to("2030-02-01")
    eligibility = [
        c | ({"text": "Adequate marrow only"} if c["id"] == "I5" else {})
        for c in trial.state().trial.documents[-1][1]["eligibility"]
    ]
    trial.record(f.ProtocolAmended(version="3.0", why="x", changes={"eligibility": eligibility}), by="Dr A")
    assert str(found().verdict) == "not known"
    assert "its wording was changed after it was attested on 2030-01-01" in found().found
