"""Sobol indices over the priors, and the tie of the mechanistic tier to the clinical one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posology.pharmacology.clinical.tumour_size import IMGN853_TUMOUR
from posology.pharmacology.compounds.library import IMGN853
from posology.pharmacology.disposition.linear_compartments import Doses
from posology.pharmacology.tumour.model import Tumour, simulate
from posology.pharmacology.tumour.sensitivity import calibrate_kmax, kill_rate_constant, priors, sobol_indices


def test_calibrated_to_the_clinical_shrinkage() -> None:
    drive, tumour = Tumour.of(IMGN853)
    tied = calibrate_kmax(tumour, drive, 355)
    assert 7 * kill_rate_constant(tied, drive, 355)[0] == pytest.approx(0.083, abs=0.0005)
    assert 7 * kill_rate_constant(tied, drive, 355)[0] == pytest.approx(IMGN853_TUMOUR.kd.value, rel=1e-6)


def test_the_tied_tumour_goes_as_the_clinical_one() -> None:
    """With its growth and resistance, three cycles at 6 mg/kg: within 3 % of S0 exp(kg t - kd/lam (1 - exp(-lam
    t)))."""
    drive, tumour = Tumour.of(IMGN853)
    t = np.array([21.0, 42, 63])
    found = simulate(calibrate_kmax(tumour, drive, 355), drive, Doses([0, 21, 42], 355, 0.1), t).diameter[0]
    kg, kd, lam = (q.value / 7 for q in (IMGN853_TUMOUR.kg, IMGN853_TUMOUR.kd, IMGN853_TUMOUR.lam))
    assert found == pytest.approx(np.exp(kg * t - kd / lam * -np.expm1(-lam * t)), rel=0.03)


def test_what_cannot_be_reached_is_said() -> None:
    drive, tumour = Tumour.of(IMGN853, positive=1e-6)
    with pytest.raises(ValueError, match="the drug reaches too few cells"):
        calibrate_kmax(replace(tumour, kin=0.0, payload_void=0.0), drive, 355)
    with pytest.raises(ValueError, match="calibrate the typical patient"):
        calibrate_kmax(replace(tumour, kmax=[0.1, 0.2]), drive, 355)


def test_indices_of_priors() -> None:
    rows = sobol_indices(IMGN853, 355, samples=128)
    by_name = {row.name: row for row in rows}
    assert set(by_name) == set(priors(IMGN853))
    assert [row.total for row in rows] == sorted((row.total for row in rows), reverse=True)
    assert rows[0].name == "payload.ec50"  # potency is what is known least and matters most
    assert by_name["payload.pgp"].total < 1e-6  # no cell pumps
    assert by_name["antibody.km"].total < 1e-6  # loss is linear
    assert sum(row.first for row in rows) < 1.1
    assert rows == sobol_indices(IMGN853, 355, samples=128)


def test_pumps_make_the_linker_matter() -> None:
    pumping = {row.name: row.total for row in sobol_indices(IMGN853, 355, samples=128, pumps=1.0)}
    assert pumping["payload.pgp"] > 1e-3


def test_samples_are_a_power_of_two() -> None:
    with pytest.raises(ValueError, match="samples is 100"):
        sobol_indices(IMGN853, 355, samples=100)
