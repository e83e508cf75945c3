"""A DLT definition with exceptions and delay, as a live trial applies it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.trial import Trial
from posology.protocol.build import dlt_definition
from posology.protocol.load import load_document
from posology.protocol.model import protocol_from
from posology.record import facts as f
from posology.shared.yaml_files import InputFileError
from tests.conftest import EXAMPLE, Clock, give, treat


@pytest.fixture
def strict(tmp_path: Path, clock: Clock, imgn853_document: dict[str, Any]) -> Iterator[Trial]:
    """The worked example's protocol with an exception for treated nausea and a delay that counts as a DLT."""
    changed = deepcopy(imgn853_document)
    changed["dlt"]["maximum_delay_days"] = 14
    changed["dlt"]["criteria"][0]["exempt"] = [
        {"text": "nausea treated and gone in 72 hours", "within_days": 3, "terms": ["Nausea"], "with_treatment": True}
    ]
    with Trial.create(tmp_path / "strict.posology", changed, by="Dr A", clock=clock) as made:
        yield made


def outcome(trial: Trial) -> str:
    return str(trial.advise().pending[0]) if trial.advise().pending else trial.advise().why


def event(trial: Trial, term: str, grade: int, **more: Any) -> None:
    fact = f.AdverseEvent(ae="1", term=term, grade=grade, related=True, **more)
    trial.record(fact, patient="001", by="Dr A")


def meets(trial: Trial, on: date) -> bool | None:
    from posology.conduct.protocol_in_force import plan_in_force

    state = trial.state()
    patient = state.patients["001"]
    return plan_in_force(state, on).meets_definition(patient, patient.toxicities[0], on)[0]


def test_treated_nausea_that_resolves_in_time(strict: Trial, clock: Clock) -> None:
    treat(strict, "001", 1)
    clock.to("2030-01-05")
    event(strict, "Nausea", 3, treated=True)
    assert meets(strict, date(2030, 1, 6)) is None
    assert "no DLT if it resolves by day 8" in outcome(strict)
    clock.to("2030-01-08")
    strict.record(f.AdverseEventResolved(ae="1"), patient="001", by="Dr A")
    assert meets(strict, date(2030, 1, 8)) is False


def test_nausea_that_stays_is_a_dlt(strict: Trial, clock: Clock) -> None:
    treat(strict, "001", 1)
    clock.to("2030-01-05")
    event(strict, "Nausea", 3, treated=True)
    assert meets(strict, date(2030, 1, 9)) is True


def test_a_delay_by_a_related_toxicity(strict: Trial, clock: Clock) -> None:
    treat(strict, "001", 1)
    clock.to("2030-01-10")
    event(strict, "Blurred vision", 2)
    assert meets(strict, date(2030, 1, 21)) is False
    assert meets(strict, date(2030, 1, 25)) is None
    assert meets(strict, date(2030, 2, 6)) is True


def test_no_delay_once_the_next_cycle_is_given(strict: Trial, clock: Clock) -> None:
    treat(strict, "001", 1)
    clock.to("2030-01-10")
    event(strict, "Blurred vision", 2)
    clock.to("2030-02-05")
    give(strict, "001", 2, 1)
    assert meets(strict, date(2030, 3, 1)) is False


def test_nobody_waits_for_a_patient_who_left(strict: Trial, clock: Clock) -> None:
    treat(strict, "001", 1)
    clock.to("2030-01-10")
    event(strict, "Blurred vision", 2)
    clock.to("2030-01-24")
    strict.record(f.Discontinued(why="withdrawal"), patient="001", by="Dr A")
    assert meets(strict, date(2030, 3, 1)) is False


def test_an_exception_that_can_never_hold(tmp_path: Path) -> None:
    text = (EXAMPLE / "protocol.yaml").read_text(encoding="utf-8")
    odd = "      minimum_grade: 4\n      terms: [Thrombocytopenia]\n      exempt: [{text: x, within_days: 3}]\n"
    (tmp_path / "p.yaml").write_text(
        text.replace("      minimum_grade: 4\n      terms: [Thrombocytopenia]\n", odd), encoding="utf-8"
    )
    with pytest.raises(InputFileError, match="the criterion begins at grade 4"):
        load_document(tmp_path / "p.yaml")


def test_doses_planned_within_the_window(imgn853_document: dict[str, Any]) -> None:
    weekly = deepcopy(imgn853_document)
    weekly["schedule"]["dosing_days"] = [1, 8, 15]
    assert dlt_definition(protocol_from(weekly)).planned_doses == 3
