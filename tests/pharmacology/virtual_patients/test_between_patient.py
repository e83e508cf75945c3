"""Differences between patients against what a compound states, and against the label's variation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posology.endpoints.body_size import adjusted_ideal_weight
from posology.pharmacology.compounds.library import BRENTUXIMAB_VEDOTIN, IMGN853, IMGN853_GEOMETRIC, T_DM1
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.dosing_regimen import (
    Regimen,
)
from posology.pharmacology.disposition.linear_compartments import Doses
from posology.pharmacology.virtual_patients.between_patient import (
    BetweenPatient,
    allometric_factors,
    between_occasion_factors,
    multiply,
)
from posology.pharmacology.virtual_patients.demographics import VirtualPatients


def population(compound, patients: int = 2000):
    women = VirtualPatients.draw(np.random.default_rng(1), patients)
    factors = multiply(
        allometric_factors(women.weight_kg), BetweenPatient.of(compound).draw(np.random.default_rng(2), patients)
    )
    size = adjusted_ideal_weight(women.weight_kg, women.height_cm, women.sex)
    return Plasma.of(compound, factors).areas([21.0], Regimen(6).doses(size))


def test_v7_variation_of_exposure() -> None:
    """Label, from memory: areas vary by 33 % (conjugate), 46 % (payload), 86 % (metabolite), within 8, 12, 20
    points."""
    cv = lambda areas, analyte: 100 * areas.of(analyte).std() / areas.of(analyte).mean()
    found = population(IMGN853_GEOMETRIC)
    assert cv(found, "adc") == pytest.approx(33, abs=8)
    assert cv(found, "payload") == pytest.approx(46, abs=12)
    assert cv(found, "metabolite") == pytest.approx(86, abs=20)
    # With the numbers as given, independent of each other, the metabolite misses the target: hence the correlation.
    independent = population(replace(IMGN853_GEOMETRIC, correlations=()))
    assert cv(independent, "metabolite") > 106


def test_the_geometric_set_with_its_variability_gives_the_arithmetic_means_of_the_label() -> None:
    found = population(IMGN853_GEOMETRIC)
    for analyte, mean, within in (("adc", 20.65e3, 0.15), ("payload", 530, 0.25), ("metabolite", 1848, 0.25)):
        assert 24 * found.of(analyte).mean() == pytest.approx(mean, rel=within), analyte  # the tolerances of V3 and V4


def test_variability_has_the_stated_covariance() -> None:
    stated = BetweenPatient.of(IMGN853)
    drawn = stated.draw(np.random.default_rng(3), 100_000)
    logs = np.log(np.stack([drawn[name] for name in stated.names]))
    np.testing.assert_allclose(np.cov(logs), stated.covariance, atol=0.01)
    i, j = (stated.names.index(f"payload.{name}") for name in ("fr", "metabolite_cl"))
    assert np.corrcoef(logs)[i, j] == pytest.approx(0.5, abs=0.01)


def test_quantities_that_go_together_wholly() -> None:
    """A correlation of 1: the covariance is one, though it has no Cholesky factor."""
    one = (("antibody.cl", "antibody.cl_nab", Quantity(1.0, "1", "assumed", "x")),)
    found = BetweenPatient.of(replace(IMGN853, correlations=one))
    drawn = found.draw(np.random.default_rng(3), 20_000)
    cl, naked = np.log(drawn["antibody.cl"]), np.log(drawn["antibody.cl_nab"])
    np.testing.assert_allclose(cl / 0.33, naked / 0.345, atol=1e-6)
    assert cl.std() == pytest.approx(0.33, rel=0.02)


def test_patients_differ_in_a_compound_with_a_part_swapped() -> None:
    """A correlation within a part goes with the part; that of other parts stays."""
    assert IMGN853.swap(linker=T_DM1.linker).correlations == IMGN853.correlations
    assert IMGN853.swap(payload=IMGN853.payload).correlations == IMGN853.correlations
    for payload in (T_DM1.payload, BRENTUXIMAB_VEDOTIN.payload):
        swapped = IMGN853.swap(payload=payload)
        assert "payload.fr" not in BetweenPatient.of(swapped).draw(np.random.default_rng(1), 5)


def test_a_covariance_that_is_none_is_refused() -> None:
    rho = lambda value: Quantity(value, "1", "assumed", "x")
    pairs = ("antibody.cl", "antibody.vc"), ("antibody.cl", "payload.cl"), ("antibody.vc", "payload.cl")
    wrong = tuple((a, b, rho(r)) for (a, b), r in zip(pairs, (0.9, 0.9, -0.9), strict=True))
    with pytest.raises(ValueError, match="that of no distribution"):
        BetweenPatient.of(replace(IMGN853, correlations=wrong))
    with pytest.raises(ValueError, match="must differ between patients"):
        BetweenPatient.of(replace(IMGN853, correlations=(("antibody.cl", "antibody.vp", rho(0.5)),)))


def test_occasions() -> None:
    """With equal occasions the course is that of none; a higher clearance in the second cycle lowers that cycle
    alone."""
    plasma = Plasma.of(IMGN853, {"antibody.vc": [1, 1.2]})
    doses, times = Doses([0, 21], [355, 355], 0.1), np.array([1.0, 20, 21.1, 30, 42])
    course = plasma.course(times, doses)
    flat = plasma.course_by_occasion(times, doses, [0, 21], np.ones((2, 2)))
    np.testing.assert_allclose(flat.amounts, course.amounts, rtol=1e-9, atol=1e-12)
    higher = plasma.course_by_occasion(times, doses, [0, 21], np.array([[1, 1.5], [1, 1]]))
    np.testing.assert_allclose(higher.adc[0, :2], course.adc[0, :2], rtol=1e-9)
    assert (higher.adc[0, 3:] < 0.95 * course.adc[0, 3:]).all()
    np.testing.assert_allclose(higher.adc[1], course.adc[1], rtol=1e-9)
    drawn = between_occasion_factors(np.random.default_rng(1), 50_000, 2)
    assert np.log(drawn).std() == pytest.approx(0.10, rel=0.02)
