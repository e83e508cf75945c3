"""What plasma brings to a tumour."""

from __future__ import annotations

import pytest

from posology.pharmacology.compounds.library import IMGN853
from posology.pharmacology.disposition.linear_compartments import Doses
from posology.pharmacology.tumour.plasma_input import PlasmaInput


def test_drive_has_the_areas_of_the_whole_chain() -> None:
    from posology.pharmacology.disposition.adc_plasma import Plasma

    drive, drugs = PlasmaInput.of_compound(IMGN853)
    area = (drive.conjugate / drive.rates).sum() * 1e6 / 150_000 * 355  # nM d
    chain = Plasma.of(IMGN853).areas([400.0], Doses([0.0], 355, 0.1))
    assert area == pytest.approx(chain.adc[0, 0] / 150_000 * 1e6, rel=1e-5)
    freed = (drive.payload / drive.rates).sum() * 1e6 / 150_000 * 355
    assert freed == pytest.approx(chain.payload[0, 0] / 780 * 1e3, rel=1e-4)
    assert 1 < drugs[0] < 3.4
