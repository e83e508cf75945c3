"""Every kind of event has a home in SDTM, or a reason why not: none vanishes on the way out, or comes back as less."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from posology.interchange.sdtm.reader.read import import_sdtm
from posology.interchange.sdtm.writer.write import datasets, export_sdtm
from posology.record import collected as c
from posology.record import facts as f
from posology.record.event import Event
from posology.record.fact import KINDS, Fact, NoCommand, NoSdtm, SdtmHome, fact
from posology.record.state import State
from tests.interchange.sdtm.test_round_trip import PLAN, example, state_of

__all__ = ["example"]

ON = date(2013, 4, 22)
FIELDS: dict[str, dict[str, Any]] = {
    "consented": {},
    "screened": {"sex": "F", "tumour_type": "ovarian", "ecog": 1},
    "prior_therapy": {"regimens": 3},
    "target_scored": {"assay": "FR1", "intensity": "3+", "percent_2plus": 80.0},
    "criterion_attested": {"criterion": "I9", "met": True},
    "slot_reserved": {"level": 2},
    "slot_released": {"why": "withdrew"},
    "enrolled": {"level": 2},
    "dosed": {"cycle": 9, "level": 2, "weight_kg": 68.0, "planned_mg": 10.0, "actual_mg": 10.0},
    "dose_reduced": {"to_level": 1, "why": "grade 3"},
    "dose_delayed": {"days": 7, "why": "grade 2"},
    "adverse_event": {"ae": "99", "term": "Rash", "grade": 2, "related": True},
    "discontinued": {"why": "other", "note": "moved"},
    "died": {"cause": "accident"},
    "lesion_measured": {"assessment": 9, "lesion": "T9", "role": "target", "organ": "lung", "diameter_mm": 31.0},
    "tumour_assessed": {"assessment": 9, "overall": "NE"},
    "marker_measured": {"value": 77.0, "upper_limit": 35.0},
    "subject_described": {"site": "0402", "race": "ASIAN"},
    "medical_history": {"term": "Gout"},
    "concomitant_therapy": {"therapy": "Aspirin"},
    "treatment_given": {"treatment": "PLACEBO", "dose": 0.0, "unit": "mg"},
    "disposition_noted": {"term": "Lost"},
    "laboratory_measured": {"test": "ALT", "value": 31.0, "unit": "U/L"},
    "vital_sign_measured": {"test": "PULSE", "value": 71.0},
    "concentration_measured": {"test": "IMGN853", "value": 1.5, "unit": "ug/mL"},
    "lesion_read": {"lesion": "T1", "reader": "central 1", "diameter_mm": 17.0, "role": "target"},
    "response_read": {"test": "OVRLRESP", "result": "PD", "reader": "central 1"},
}
"""One event of each kind of a patient."""


def event(kind: type[Fact], fields: dict[str, Any], patient: str, seq: int) -> Event:
    moment = datetime(2013, 5, 1, 12, tzinfo=UTC)
    return Event(
        seq=seq,
        occurred=ON,
        recorded=moment,
        author="me",
        kind=kind.kind,
        patient=patient,
        fact=kind(**fields),
        prev="",
        hash="",
    )


def written(state: State) -> dict[str, list[tuple[Any, ...]]]:
    return {d.name: d.frame.select(sorted(d.frame.columns)).rows() for d in datasets(state)}


def of_patients() -> list[type[Fact]]:
    return [kind for kind in KINDS.values() if kind.about == "patient"]


@pytest.mark.parametrize("kind", of_patients(), ids=lambda kind: kind.kind)
def test_no_kind_vanishes(kind: type[Fact], example: Path) -> None:
    """An event more changes what is written, unless its kind says why it does not."""
    state = state_of(example)
    patient = next(p for p in state.patients.values() if p.first_dose and p.first_dose.occurred < ON)
    if isinstance(kind.sdtm, NoSdtm):
        assert kind.sdtm.because
        return
    fields = FIELDS.get(kind.kind)
    if kind in (f.AdverseEventResolved, f.DltAdjudicated):  # of an event that is there
        state = state.with_event(event(f.AdverseEvent, FIELDS["adverse_event"], patient.id, state.seq + 1))
        fields = (
            {"ae": "99", "outcome": "recovered"}
            if kind is f.AdverseEventResolved
            else {"ae": "99", "dlt": False, "why": "late"}
        )
    assert fields is not None, f"{kind.__name__}: give an example of it"
    assert written(state.with_event(event(kind, fields, patient.id, state.seq + 1))) != written(state)


def test_every_kind_of_the_trial_says_why_sdtm_does_not_hold_it() -> None:
    for kind in KINDS.values():
        assert isinstance(kind.sdtm, SdtmHome) or kind.sdtm.because


@pytest.fixture
def ecg() -> Iterator[type[Fact]]:
    """A kind of measurement that nobody thought of when the writer was made."""

    @fact(verb=NoCommand("of a test"), sdtm=SdtmHome("EG", label="ECG Test Results"))
    class EcgRecorded(c.Observation):
        """An electrocardiogram."""

    yield EcgRecorded
    del KINDS[EcgRecorded.kind]


def test_a_new_kind_of_measurement_goes_to_its_home_and_back(ecg: type[Fact], example: Path, tmp_path: Path) -> None:
    state = state_of(example)
    patient = next(iter(state.patients))
    fields = {"test": "QTCF", "name": "QTcF Interval", "value": 431.0, "unit": "ms"}
    more = state.with_event(event(ecg, fields, patient, state.seq + 1))
    assert "EG" in written(more) and "EG" not in written(state)
    export_sdtm(more, tmp_path / "sdtm", format="json")
    report = import_sdtm(tmp_path / "sdtm", tmp_path / "again.posology", by="me", protocol=PLAN)
    assert report.events["ecg_recorded"] == 1
    back = state_of(tmp_path / "again.posology").patients[patient].of(ecg)
    assert [vars(e.fact)["value"] for e in back] == [431.0]


def test_a_kind_without_a_home_is_refused() -> None:
    with pytest.raises(TypeError, match="sdtm"):
        fact(verb=NoCommand("of a test"))(type("EcgRecorded", (c.Observation,), {}))  # type: ignore[call-arg]
