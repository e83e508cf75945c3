"""The error of an assay."""

from __future__ import annotations

import numpy as np
import pytest

from posology.pharmacology.virtual_patients.assay_error import ASSAY_ERRORS


def test_residual_error() -> None:
    truth = np.full(100_000, 100.0)
    values, below = ASSAY_ERRORS["adc"].measure(np.random.default_rng(1), truth, limit=80)
    assert not below.all() and (values[below] == 80).all() and (values >= 80).all()
    values, below = ASSAY_ERRORS["adc"].measure(np.random.default_rng(1), truth)
    assert values.std() == pytest.approx(np.hypot(1.03, 8.9), rel=0.02) and not below.any()
