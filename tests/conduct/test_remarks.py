"""What is said of an event when it is recorded."""

from __future__ import annotations

from datetime import date

from posology.conduct.remarks import remarks, understood_term
from posology.conduct.trial import Trial
from posology.record import facts as f
from tests.conduct.test_rules import treat
from tests.conftest import Clock


def test_an_adverse_event_says_which_term_was_understood(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-10")
    event = trial.record(
        f.AdverseEvent(ae="1", term="Anaemia", grade=2, related=True),
        patient="001",
        by="Dr A",
        occurred=date(2030, 1, 9),
    )
    assert remarks(trial.state(), event) == [
        "understood as Anemia (MedDRA 10002272), Blood and lymphatic system disorders, of CTCAE 4.03"
    ]
    assert remarks(trial.state(), trial.events()[-2]) == []


def test_what_is_no_term_and_what_another_version_has() -> None:
    assert "is no term of CTCAE 5 (near: Retinopathy, Encephalopathy)" in understood_term("Keratopathy", "5")
    assert understood_term("Keratopathy NOS", "5", "10023332").startswith("understood as Keratitis (MedDRA 10023332)")
    assert understood_term("Cyanosis", "4.03").endswith("of CTCAE 5, not 4.03")
