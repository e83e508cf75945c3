"""Fits with saturable loss: the phase 1 profiles, populations simulated from a truth, and what data cannot show."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posology.pharmacology.estimation.diagnostics import residuals, visual_predictive_check
from posology.pharmacology.estimation.foce import Fit, fit, individual, simulate
from posology.pharmacology.estimation.identifiability import saturation_not_observed
from posology.pharmacology.estimation.nuts import individual_density, sample_individual
from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.estimation.residual_error import ResidualError
from posology.pharmacology.pk_models.data import PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import TWO_COMPARTMENTS
from posology.pharmacology.pk_models.michaelis_menten import SATURABLE

DATA = Path(__file__).parents[2] / "data" / "pharmacology"
LEVELS = (0.15, 0.5, 1.0, 2.0, 3.3, 5.0, 7.0)  # mg/kg, as in the phase 1 trial
TRUTH = Population(
    {"CL": 0.36, "V1": 2.5, "Q": 0.45, "V2": 1.6, "Vmax": 4.9, "Km": 7.4},
    ("CL", "V1", "Vmax"),
    np.diag([0.3, 0.25, 0.3]) ** 2,
    ResidualError(0.0, 0.12),
)
START = Population(
    {"CL": 0.5, "V1": 3.0, "Q": 0.6, "V2": 1.2, "Vmax": 3.0, "Km": 4.0},
    TRUTH.random,
    np.eye(3) * 0.09,
    ResidualError(0, 0.2),
)
TIMES = (0.1, 0.25, 1.0, 3.0, 7.0, 14.0, 20.9)


def trial(
    patients: int,
    seed: int,
    levels: tuple[float, ...] = LEVELS,
    truth: Population = TRUTH,
    times: tuple[float, ...] = TIMES,
) -> PkDataset:
    """A dose by level in turn to 70 kg over 2.4 h, and what is then measured, with a limit of quantification of 0.1."""
    data = pk_dataset(
        [
            SubjectData(str(i), [(0.0, 70 * levels[i % len(levels)], 0.1, 0.0)], [(t, 0.0, False) for t in times])
            for i in range(patients)
        ]
    )
    return data.with_values(simulate(SATURABLE, data, truth, np.random.default_rng(seed))[0], 0.1)


def truths() -> dict[str, float]:
    spread = {f"omega {n}": float(s) for n, s in zip(TRUTH.random, np.sqrt(np.diag(TRUTH.omega)), strict=True)}
    return {**TRUTH.typical, **spread, "proportional error": TRUTH.residual.proportional}


def scores(found: Fit) -> dict[str, float]:
    """Return how far each estimate is from the truth, in standard errors on the log scale."""
    expected = truths()
    return {e.name: float(np.log(e.value / expected[e.name]) / (e.standard_error / e.value)) for e in found.estimates}


def profiles(file: str = "moore2017_digitised.csv") -> PkDataset:
    """Mean concentrations by dose, a dose a patient: days, ug/mL, ug/kg over 2.4 h."""
    held: dict[str, list[tuple[float, float, bool]]] = {}
    for row in list(csv.reader((DATA / file).read_text().splitlines(), skipinitialspace=True))[1:]:
        held.setdefault(row[2].removesuffix("mg/kg"), []).append((float(row[0]), float(row[1]), False))
    return pk_dataset([SubjectData(d, [(0.0, 1000 * float(d), 0.1, 0.0)], sorted(rows)) for d, rows in held.items()])


def pooled(model: Any, data: PkDataset, start: list[float]) -> tuple[dict[str, float], Any, float, float]:
    """Fit logs of pooled data by least squares: estimates, relative standard errors, residual SD, n ln(RSS/n) + 2k."""
    from scipy.optimize import least_squares

    there = data.observed
    phi = lambda x: np.tile(x, (len(data), 1))

    def slope(x: Any) -> Any:
        value, change = model.sensitivities(data, phi(x))
        return change[there] / value[there][:, None]

    found = least_squares(
        lambda x: np.log(model.predict(data, phi(x))[there] / data.value[there]),
        np.log(start),
        slope,
        xtol=1e-13,
        ftol=1e-13,
        gtol=1e-12,
    )
    n, k = found.jac.shape
    rss = 2 * found.cost
    error = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)) * rss / (n - k))
    estimates = dict(zip(model.parameters, map(float, np.exp(found.x)), strict=True))
    return estimates, error, float(np.sqrt(rss / (n - k))), float(n * np.log(rss / n) + 2 * k)


def test_the_phase_1_profiles_of_all_doses() -> None:
    """The reference: log-SD 0.216, AIC -157.0 against 0.356, -105.8 without saturable loss; Vmax 69.6 (60 %), Km 7.4
    (63 %).

    It does not say how long the infusions were. With 2.4 h Vmax and Km come out 2.5 % higher, 0.04 of their standard
    errors, at the same residual error and AIC.
    """
    data = profiles()
    assert data.samples == 53
    _, _, spread, aic = pooled(TWO_COMPARTMENTS, data, [6.0, 30.0, 8.0, 15.0])
    assert spread == pytest.approx(0.356, abs=5e-4) and aic == pytest.approx(-105.8, abs=0.06)
    found, error, spread, aic = pooled(SATURABLE, data, [6.0, 30.0, 8.0, 15.0, 40.0, 4.0])
    assert spread == pytest.approx(0.216, abs=5e-4) and aic == pytest.approx(-157.0, abs=0.06)
    reference = {"CL": 5.13, "V1": 35.6, "Q": 6.44, "V2": 23.3, "Vmax": 69.6, "Km": 7.4}
    assert found == pytest.approx(reference, rel=0.03)
    assert 100 * error[4:] == pytest.approx([60, 63], abs=3)


def test_trastuzumab_emtansine_is_not_linear_up_to_1_2_mg_per_kg() -> None:
    """As Girish 2012 found; the whole loss is then saturable, and CL is not known. The starts do not matter."""
    data = profiles("tdm1_girish2012_digitised.csv")
    *_, linear = pooled(TWO_COMPARTMENTS, data, [10.0, 40.0, 8.0, 15.0])
    found, error, _, aic = pooled(SATURABLE, data, [8.0, 40.0, 8.0, 15.0, 50.0, 3.0])
    assert aic < linear - 20
    assert error[0] > 1  # of log CL
    other, *_ = pooled(SATURABLE, data, [9.0, 45.0, 5.0, 10.0, 20.0, 0.5])
    assert other == pytest.approx(found, rel=1e-3)


def test_v10_girish_is_not_met_with_saturable_loss_either() -> None:
    """The target for 2.4 to 4.8 mg/kg is a log error of 0.25; free fits leave 0.35 without saturable loss and 0.27 with
    it."""
    every = profiles("tdm1_girish2012_digitised.csv")
    high = every.subset([i for i, dose in enumerate(every.names) if float(dose) >= 2.4])
    error = lambda spread, k: float(spread * np.sqrt(1 - k / high.samples))  # root mean square, of the residual SD
    *_, linear, _ = pooled(TWO_COMPARTMENTS, high, [10.0, 40.0, 8.0, 15.0])
    *_, saturable, _ = pooled(SATURABLE, high, [7.2, 39.5, 7.1, 15.0, 31.0, 1.0])
    assert error(linear, 4) == pytest.approx(0.35, abs=0.01) and error(saturable, 6) == pytest.approx(0.268, abs=0.003)


def test_the_phase_1_profiles_as_a_population_of_doses() -> None:
    """Cohorts that differ in CL and V1 take some of the misfit: Vmax and Km within their intervals of the pooled
    fit's."""
    start = Population(
        {"CL": 5.0, "V1": 35.0, "Q": 6.4, "V2": 23.0, "Vmax": 70.0, "Km": 7.4},
        ("CL", "V1"),
        np.eye(2) * 0.01,
        ResidualError(0.0, 0.2),
    )
    found = fit(SATURABLE, profiles(), start)
    assert not found.notes
    for e in found.estimates[:6]:
        assert e.lower < start.typical[e.name] < e.upper, e
    assert found.population.residual.proportional == pytest.approx(0.114, abs=0.005)


def test_individual_parameters_settle_far_from_the_data() -> None:
    """Here the curvature is four times the expected information: whole Gauss-Newton steps would swing for ever."""
    typical = {"CL": 9.0507, "V1": 25.956, "Q": 8.0563, "V2": 18.026, "Vmax": 95.426, "Km": 6.595}
    population = Population(typical, ("CL",), np.eye(1) * 0.010225, ResidualError(0.0, 0.11006))
    found = individual(SATURABLE, profiles(), population)
    assert found.eta[1, 0] == pytest.approx(-2.07438, abs=1e-4)


def test_one_patient_a_dose_level_recovers_the_truth_they_were_simulated_from() -> None:
    """Where patients differ in V1 only, seven of them show all six parameters."""
    truth = Population(TRUTH.typical, ("V1",), np.eye(1) * 0.25**2, TRUTH.residual)
    data = trial(7, 4, truth=truth)
    assert data.below.any()
    found = fit(SATURABLE, data, Population(START.typical, ("V1",), np.eye(1) * 0.09, START.residual))
    assert not found.notes
    assert max(map(abs, scores(found).values())) < 3
    assert found.population.typical["Km"] == pytest.approx(7.4, rel=0.6)


@pytest.mark.slow
def test_trials_of_28_patients_recover_the_truth() -> None:
    """Four trials: estimates centre on the truth, and 95 % intervals hold it about as often as they say (40
    estimates)."""
    found = [scores(fit(SATURABLE, trial(28, seed), START)) for seed in range(4)]
    typical = np.array([[z[name] for name in TRUTH.typical] for z in found])
    assert np.abs(typical.mean(axis=0)).max() < 3 / np.sqrt(4)
    inside = sum(abs(z) < 1.96 for each in found for z in each.values())
    assert inside >= 34  # of 40; fewer has a chance of 0.3 % if each interval holds its estimate with 95 %


@pytest.mark.slow
def test_far_starts_reach_the_same_optimum() -> None:
    """From the second the line search strays to volumes of 1e-20 and has to come back."""
    truth = Population(TRUTH.typical, ("CL", "V1"), np.diag([0.3, 0.25]) ** 2, TRUTH.residual)
    data = trial(14, 4, truth=truth)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(2):
        far = {n: v * float(np.exp(rng.uniform(-1.2, 1.2))) for n, v in TRUTH.typical.items()}
        found.append(fit(SATURABLE, data, Population(far, ("CL", "V1"), np.eye(2) * 0.09, ResidualError(0.0, 0.3))))
    assert found[1].objective == pytest.approx(found[0].objective, abs=1e-3)
    assert found[1].parameters == pytest.approx(found[0].parameters, rel=5e-3)


def test_residuals_and_the_visual_check_take_the_model() -> None:
    data, rng = trial(70, 8), np.random.default_rng(1)
    found = residuals(SATURABLE, data, TRUTH, rng, repeats=300)
    used = data.observed & ~data.below
    for values in (found.conditional[used], found.npde[used]):
        assert values.mean() == pytest.approx(0, abs=0.2) and values.std() == pytest.approx(1, abs=0.15)
    check = visual_predictive_check(SATURABLE, data, TRUTH, rng, repeats=100, bins=5)
    inside = (check.simulated[..., 0] <= check.observed) & (check.observed <= check.simulated[..., 2])
    assert inside.mean() > 0.7


def test_an_individual_s_gradient_and_optimum() -> None:
    """The maximum a posteriori is where the density's exact gradient is 0, with values below quantification in it."""
    data = trial(7, 4).subset([0])
    assert data.below.any()
    density, best = individual_density(SATURABLE, data, TRUTH), individual(SATURABLE, data, TRUTH)
    z = best.eta[0] / np.sqrt(np.diag(TRUTH.omega))
    assert density(z)[1] == pytest.approx(0, abs=1e-6)
    away = z + np.array([0.3, -0.2, 0.4])
    numeric = [(density(away + h)[0] - density(away - h)[0]) / 2e-5 for h in 1e-5 * np.eye(3)]
    assert density(away)[1] == pytest.approx(numeric, rel=1e-6)


def test_full_bayes_of_one_patient_surrounds_the_most_likely_parameters() -> None:
    pytest.importorskip("nutpie")
    data = trial(14, 4).subset([9])
    best = individual(SATURABLE, data, TRUTH)
    found = sample_individual(SATURABLE, data, TRUTH, seed=2, draws=300, tune=200, chains=2)
    assert not found.divergences
    for i, name in enumerate(SATURABLE.parameters):
        if name in TRUTH.random:
            log = np.log(found.draws[name])
            assert log.mean() == pytest.approx(np.log(best.parameters[0, i]), abs=0.25 * best.standard_error[0, i])
            assert log.std() == pytest.approx(best.standard_error[0, i], rel=0.2)


LINEAR = Population({**TRUTH.typical, "Km": 5000.0, "Vmax": 800.0}, ("V1",), np.eye(1) * 0.09, ResidualError(0.0, 0.1))
FULL = Population({**TRUTH.typical, "Km": 0.02}, ("V1",), np.eye(1) * 0.09, ResidualError(0.0, 0.1))


@pytest.mark.parametrize(
    ("truth", "levels"), [(LINEAR, (0.5, 2.0)), (FULL, (7.0, 14.0))], ids=["all far below Km", "all far above Km"]
)
def test_a_fit_says_what_the_data_do_not_show(truth: Population, levels: tuple[float, ...]) -> None:
    """No number for Km is left without a note that it is not known, whichever way the search went in the flat
    valley."""
    found = fit(SATURABLE, trial(4, 3, levels, truth, (0.1, 3.0, 7.0, 14.0)), truth)
    told = " ".join(found.notes)
    assert any(note in told for note in ("hardly tell Vmax from Km", "Km is poorly known", "no standard errors"))


def test_the_notes_on_saturable_loss() -> None:
    """Loss of 0.37 / (1 + C / 7.4) beside 0.36."""
    typical = {"CL": 0.36, "Vmax": 2.7, "Km": 7.4}
    assert not saturation_not_observed(typical, np.array([0.1, 60.0]))
    assert "below Km / 10" in saturation_not_observed(typical, np.array([0.01, 0.7]))[0]
    assert "above 10 Km" in saturation_not_observed(typical, np.array([75.0, 200.0]))[0]
    assert "at most 1.0% of the linear" in saturation_not_observed({**typical, "Vmax": 0.027}, np.array([0.1, 60.0]))[0]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"Vmax": 0.0}, "the starting value of Vmax is 0; it is above 0"),
        ({"Km": -7.4}, "the starting value of Km is -7.4"),
        ({"V1": float("nan")}, "the starting value of V1 is nan"),
        ({"Km": None}, "starting values are for CL, V1, Q, V2, Vmax; the model has CL, V1, Q, V2, Vmax, Km"),
        ({"Km": 1e-12}, "patient .*too fast to follow"),
    ],
)
def test_bad_starts(values: dict[str, float | None], says: str) -> None:
    typical = {n: v for n, v in {**TRUTH.typical, **values}.items() if v is not None}
    start = Population(typical, TRUTH.random, TRUTH.omega, TRUTH.residual)
    with pytest.raises(ValueError, match=says):
        fit(SATURABLE, trial(7, 1), start)
