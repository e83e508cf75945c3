"""Rules for the next dose."""

from __future__ import annotations

import numpy as np
import pytest

from posology.pharmacology.clinical.dose_modification import PatientStatus, as_labelled, at_recurrence


def test_rule_by_label() -> None:
    """No event; grade 2; grade 3; grade 4; grade 3 that is over; a second grade 2."""
    now, lately = np.array([0, 2, 3, 4, 0, 2]), np.array([0, 2, 3, 4, 3, 2])
    stand = PatientStatus(
        1,
        np.full(6, 21.0),
        np.array([1.0, 1.0, 5 / 6, 1.0, 1.0, 1.0]),
        now,
        lately,
        np.array([np.inf, 30.0, 100.0, 25.0, 14.0, 28.0]),
        np.array([True, False, False, False, False, False]),
        lately,
        np.array([0, 1, 1, 1, 1, 2]),
    )
    factor, delay = as_labelled(stand)
    assert factor == pytest.approx([1, 1, 4 / 6, 0, 5 / 6, 1])
    assert delay.tolist() == [7, 9, 42, 4, 0, 7]
    factor, delay = at_recurrence(stand)
    assert factor == pytest.approx([1, 1, 4 / 6, 0, 5 / 6, 5 / 6])
    assert delay.tolist() == [7, 9, 42, 4, 0, 7]
