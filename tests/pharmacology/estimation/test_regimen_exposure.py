"""Exposure under a regimen in the population that a fit found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posology.pharmacology.estimation.error_models import ResidualError
from posology.pharmacology.estimation.parameterisation import Parameterisation
from posology.pharmacology.estimation.random_effects import CategoryEffect, CovariateEffect, Population
from posology.pharmacology.estimation.regimen_exposure import (
    Regimen,
    drawn_populations,
    population_at,
    regimen_exposure,
)
from posology.pharmacology.pk_models import MODELS
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT, TWO_COMPARTMENTS

ERROR = ResidualError(0.0, 0.1)
TYPICAL = {"CL": 0.4, "V1": 3.0, "Q": 0.6, "V2": 2.0}


def alike(model_typical: dict[str, float], *effects: CovariateEffect | CategoryEffect) -> Population:
    return Population(model_typical, ("CL",), np.eye(1) * 1e-14, ERROR, effects)


@pytest.mark.parametrize("infusion", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("name", ["one", "two", "three", "oral", "two-oral"])
def test_the_area_at_steady_state_is_dose_over_clearance(name: str, infusion: float) -> None:
    """Whatever the compartments and the input: the area of an interval at steady state is dose / CL."""
    if infusion and "oral" in name:
        return
    typical = {p: {"CL": 0.4, "ka": 1.1}.get(p, 1.3) for p in MODELS[name].parameters}
    found = regimen_exposure(
        MODELS[name],
        alike(typical),
        Regimen(100, 7, 60, infusion),
        np.random.default_rng(1),
        patients=2,
        intervals=[59],
    )
    np.testing.assert_allclose(found.area, 250.0, rtol=2e-4)
    assert (found.trough <= found.peak).all()


def test_patients_differ_as_the_population_says() -> None:
    """Areas at steady state are lognormal with the spread of the clearance."""
    population = Population(TYPICAL, ("CL",), np.eye(1) * 0.3**2, ERROR)
    regimen = Regimen(100, 21, 40)
    found = regimen_exposure(
        TWO_COMPARTMENTS, population, regimen, np.random.default_rng(2), patients=20_000, intervals=[39]
    )
    logs = np.log(found.area[:, 0])
    assert logs.mean() == pytest.approx(np.log(250), abs=0.01)
    assert logs.std() == pytest.approx(0.3, rel=0.02)


def test_occasions_differ_within_a_patient() -> None:
    population = Population({"CL": 2.0, "V": 4.0}, ("CL",), np.eye(1) * 1e-14, ERROR, between_occasions={"CL": 0.2**2})
    found = regimen_exposure(ONE_COMPARTMENT, population, Regimen(100, 24, 3), np.random.default_rng(3), patients=4000)
    logs = np.log(found.area)
    np.testing.assert_allclose(logs.std(axis=0), 0.2, rtol=0.05)
    assert abs(np.corrcoef(logs[:, 0], logs[:, 1])[0, 1]) < 0.05


def test_covariates_move_the_typical_values() -> None:
    population = alike(
        TYPICAL, CovariateEffect("CL", "WT", 70, 0.75), CategoryEffect("CL", "SEXF", 1, float(np.log(0.8)))
    )
    assert population_at(population, {}).typical["CL"] == 0.4
    moved = population_at(population, {"WT": 35.0, "SEXF": 1.0})
    assert moved.typical["CL"] == pytest.approx(0.4 * 0.5**0.75 * 0.8) and moved.effects == ()
    with pytest.raises(ValueError, match="no covariate AGE; it has SEXF, WT"):
        population_at(population, {"AGE": 1})
    with pytest.raises(ValueError, match="above 0 in a power"):
        population_at(population, {"WT": 0})


def test_what_is_reported_maps_back_to_the_population() -> None:
    omega = np.array([[0.09, 0.02], [0.02, 0.04]])
    start = Population(
        TYPICAL, ("CL", "V1"), omega, ERROR, (CovariateEffect("CL", "WT", 70),), between_occasions={"CL": 0.01}
    )
    mapping = Parameterisation(TWO_COMPARTMENTS, start, full=True)
    x = mapping.vector()
    x[4] = 0.75
    found, back = mapping.population(x), mapping.of_reported(mapping.reported_estimates(x)[1])
    assert back.typical == pytest.approx(found.typical) and back.effects == found.effects
    np.testing.assert_allclose(back.omega, found.omega)
    assert back.between_occasions == pytest.approx(found.between_occasions)
    reported = mapping.reported_estimates(x)[1]
    reported[7] = 1.0
    with pytest.raises(ValueError, match="belong to no population"):
        mapping.of_reported(reported)


def test_draws_scatter_as_the_standard_errors_say() -> None:
    start = Population(TYPICAL, ("CL", "V1"), np.array([[0.09, 0.01], [0.01, 0.04]]), ERROR)
    mapping = Parameterisation(TWO_COMPARTMENTS, start, full=True)
    names, values, scales = mapping.reported_estimates(mapping.vector())
    covariance = np.diag((0.1 * np.abs(values)) ** 2)
    drawn = drawn_populations(mapping, values, covariance, scales, np.random.default_rng(4), 4000)
    logs = np.log([[p.typical["CL"], p.omega[0, 0] ** 0.5] for p in drawn])
    np.testing.assert_allclose(logs.std(axis=0), 0.1, rtol=0.05)
    np.testing.assert_allclose(logs.mean(axis=0), np.log([0.4, 0.3]), atol=0.01)
    assert names[6] == "correlation CL, V1" and all((np.linalg.eigvalsh(p.omega) > 0).all() for p in drawn)
    with pytest.raises(ValueError, match="no standard errors"):
        drawn_populations(mapping, values, covariance * np.nan, scales, np.random.default_rng(4), 1)


@pytest.mark.parametrize(
    ("numbers", "said"), [((0, 1, 1), "above 0"), ((1, 1, 0), "one dose or more"), ((1, 2, 1, 2), "does not fit")]
)
def test_a_regimen_that_cannot_be(numbers: tuple[float, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Regimen(*numbers)  # type: ignore[arg-type]


def test_the_peak_of_an_absorbed_dose_is_bateman_s(tmp_path: Path) -> None:
    """Bateman H. 1910: the peak of one compartment with first-order absorption, at log(ka/k) / (ka - k)."""
    ka, k, volume = 1.5, 0.1, 10.0
    found = regimen_exposure(
        MODELS["oral"],
        alike({"ka": ka, "CL": k * volume, "V": volume}),
        Regimen(100, 24, 1),
        np.random.default_rng(1),
        patients=2,
    )
    at = np.log(ka / k) / (ka - k)
    peak = 100 * ka / (volume * (ka - k)) * (np.exp(-k * at) - np.exp(-ka * at))
    np.testing.assert_allclose(found.peak, peak, rtol=1e-4)
