"""Other DLTs."""

from __future__ import annotations

import pytest

from posology.pharmacology.clinical.other_toxicities import other_dlt


def test_other_dlt_rises_with_dose() -> None:
    assert other_dlt([0.0, 6.0], 6.0).tolist() == pytest.approx([0.0, 0.05], abs=1e-9)
