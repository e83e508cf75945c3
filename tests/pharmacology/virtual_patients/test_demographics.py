"""Virtual patients: plausible, and the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest

from posology.pharmacology.virtual_patients.demographics import ENDOMETRIAL, NSCLC, OVARIAN, VirtualPatients


def test_patients_are_seeded_and_plausible() -> None:
    mix = [(OVARIAN, 0.6), (ENDOMETRIAL, 0.2), (NSCLC, 0.2)]
    one, same = (VirtualPatients.draw(np.random.default_rng(7), 20_000, mix) for _ in range(2))
    np.testing.assert_array_equal(one.sld_mm, same.sld_mm)
    assert (one.tumour_type == "ovarian").mean() == pytest.approx(0.6, abs=0.02)
    ovarian = one.tumour_type == "ovarian"
    assert (one.sex[ovarian] == "F").all() and (one.sex == "M").any()
    np.testing.assert_allclose(one.expression.sum(axis=1), 1)
    for cells, share in ((0.25, 0.80), (0.50, 0.60), (0.75, 0.36)):
        assert (one.ps2[ovarian] >= cells).mean() == pytest.approx(share, abs=0.02)
    assert np.median(one.sld_mm) == pytest.approx(57.8, rel=0.02)
    assert np.median(one.ca125[ovarian]) == pytest.approx(167, rel=0.05)
    assert one.lesions.min() >= 1 and one.lesions.max() <= 5 and one.prior_regimens.min() >= 1
