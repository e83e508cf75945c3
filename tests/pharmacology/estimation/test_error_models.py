"""Every residual error model of the registry: a density, its derivatives, what is drawn from it, and a fit with it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from posology.pharmacology.estimation.error_models import ERROR_MODELS, ErrorKind, LogAdditiveError, PowerError
from posology.pharmacology.estimation.error_models.combined import ResidualError
from posology.pharmacology.estimation.foce import fit, simulate
from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.estimation.residual_error import drawn_measurements, log_likelihood_terms
from posology.pharmacology.pk_models.data import PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT

EVERY = pytest.mark.parametrize("kind", ERROR_MODELS.values(), ids=list(ERROR_MODELS))
DOSE = [(0.0, 100.0, 0.0, 0.0)]


def measured(*values: float, below: bool = False) -> PkDataset:
    return pk_dataset([SubjectData("1", DOSE, [(float(i + 1), v, below) for i, v in enumerate(values)])])


@EVERY
def test_an_entry_is_complete(kind: ErrorKind) -> None:
    assert ERROR_MODELS[kind.name] is kind and kind.formula and len(kind.defaults) == len(kind.start_names)
    model = kind.start(kind.defaults)
    assert 0 < len(model.parameters) <= 2 and all(v > 0 for v in model.parameters.values())
    doubled = model.with_parameters([2 * v for v in model.parameters.values()])
    assert list(doubled.parameters.values()) == [2 * v for v in model.parameters.values()]


@EVERY
def test_the_likelihood_is_a_density(kind: ErrorKind) -> None:
    model, f = kind.start(kind.defaults), np.array([[3.0]])
    density = lambda y: float(
        np.exp(-0.5 * log_likelihood_terms(measured(y), f, model).value[0, 0]) / np.sqrt(2 * np.pi)
    )
    whole, _ = quad(density, 1e-9, 12, points=[2, 3, 4], limit=200)
    assert whole == pytest.approx(1, rel=1e-6)
    up_to, _ = quad(density, 1e-9, 2.5, limit=200)
    below = log_likelihood_terms(measured(2.5, below=True), f, model).value[0, 0]
    assert np.exp(-0.5 * below) == pytest.approx(up_to, rel=1e-5)


@EVERY
@pytest.mark.parametrize("below", [False, True])
def test_derivatives(kind: ErrorKind, below: bool) -> None:
    data, f, h = measured(2.0, 1.1, below=below), np.array([[1.7, 1.4]]), 1e-6
    model = kind.start(kind.defaults)
    terms = log_likelihood_terms(data, f, model)
    slope = log_likelihood_terms(data, f + h, model).value - log_likelihood_terms(data, f - h, model).value
    assert terms.by_prediction == pytest.approx(slope / (2 * h), rel=1e-5)
    assert (terms.information > 0).all()
    values = np.array(list(model.parameters.values()))
    for i, by in enumerate(terms.by_log_parameter):
        step = np.exp(h * (np.arange(len(values)) == i))
        up, down = (log_likelihood_terms(data, f, model.with_parameters(values * s)).value for s in (step, 1 / step))
        assert by == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-8)


@EVERY
def test_what_is_drawn_has_the_variance(kind: ErrorKind) -> None:
    many = pk_dataset([SubjectData("1", DOSE, [(float(i), 1.0, False) for i in range(1, 4001)])])
    normal = np.random.default_rng(1).standard_normal((1, 4000))
    model = kind.start(kind.defaults)
    value = drawn_measurements(many, np.full((1, 4000), 3.0), model, normal)
    scattered, centre = (np.log(value), np.log(3)) if model.is_logarithmic else (value, 3.0)
    assert scattered.mean() == pytest.approx(centre, abs=0.05)
    assert scattered.var() == pytest.approx(model.spread(np.array([3.0])).variance[0], rel=0.1)


def test_a_power_of_1_is_the_proportional_model() -> None:
    data, f = measured(2.0, 1.1), np.array([[1.7, 1.4]])
    power, proportional = (log_likelihood_terms(data, f, m) for m in (PowerError(0.2, 1.0), ResidualError(0.0, 0.2)))
    assert power.value == pytest.approx(proportional.value) and power.information == pytest.approx(
        proportional.information
    )


def test_a_fit_of_log_normal_data_finds_their_error() -> None:
    """Two hundred patients drawn with it; the other kinds fit them worse."""
    rng = np.random.default_rng(5)
    people = [SubjectData(str(i), DOSE, [(t, 1.0, False) for t in (0.5, 2.0, 5.0, 12.0)]) for i in range(120)]
    truth = Population({"CL": 2.0, "V": 20.0}, ("CL", "V"), np.diag([0.09, 0.04]), LogAdditiveError(0.3))
    data = pk_dataset(people)
    data = data.with_values(simulate(ONE_COMPARTMENT, data, truth, rng)[0])
    found = fit(ONE_COMPARTMENT, data, truth)
    assert found.population.residual.parameters["log-additive error"] == pytest.approx(0.3, rel=0.1)  # type: ignore[union-attr]
    assert found.population.typical["CL"] == pytest.approx(2.0, rel=0.1)
    other = fit(ONE_COMPARTMENT, data, Population(truth.typical, truth.random, truth.omega, ResidualError(0.0, 0.3)))
    assert found.log_likelihood > other.log_likelihood + 5


def test_a_measured_zero_has_no_logarithm() -> None:
    with pytest.raises(ValueError, match="patient 1, time 1: a measured 0 has no logarithm"):
        log_likelihood_terms(measured(0.0, 1.0), np.array([[1.0, 1.0]]), LogAdditiveError(0.2))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ResidualError(0.0, 0.0),
        lambda: ResidualError(-1.0, 1.0),
        lambda: PowerError(0.0, 1.0),
        lambda: LogAdditiveError(-0.1),
    ],
)
def test_what_cannot_be_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="above 0"):
        wrong()  # type: ignore[operator]
