"""A conjugate, its payload and the metabolite in one fit: exact predictions, errors by analyte, recovery, bad input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from posology.pharmacology.estimation.diagnostics import residuals
from posology.pharmacology.estimation.foce import fit, individual, objective_function, simulate
from posology.pharmacology.estimation.log_posterior import Prior, population_density
from posology.pharmacology.estimation.random_effects import CovariateEffect, Population
from posology.pharmacology.estimation.residual_error import ResidualError, log_likelihood_terms, standard_deviations
from posology.pharmacology.pk_models.adc import (
    CONJUGATE_PAYLOAD,
    CONJUGATE_PAYLOAD_METABOLITE,
    AdcModel,
    conjugate_model,
)
from posology.pharmacology.pk_models.data import PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import TWO_COMPARTMENTS
from posology.shared.arrays import Floats

NAMES = ("IMGN853", "DM4", "SMEDM4")
VALUES = {"CL": 0.4, "V1": 2.5, "Q": 0.5, "V2": 0.9, "CLp": 17.0, "kp": 1.4, "CLm": 4.6, "km": 0.3}
ERRORS = {"IMGN853": ResidualError(0.0, 0.1), "DM4": ResidualError(0.0, 0.2), "SMEDM4": ResidualError(0.02, 0.25)}
PROPORTIONAL = {**ERRORS, "SMEDM4": ResidualError(0.0, 0.25)}
TIMES = (0.05, 0.1, 1.0, 3.0, 7.0, 14.0, 21.0, 21.1, 25.0, 42.0)
Dose = tuple[float, float, float, float]


def sampled(
    count: int = 1, analytes: int = 3, doses: tuple[Dose, ...] = ((0.0, 350.0, 0.1, 0.0), (21.0, 350.0, 0.1, 0.0))
) -> PkDataset:
    """Return patients of whom every analyte is sampled at each time."""
    samples = [(t, 0.0, False) for t in TIMES for _ in range(analytes)]
    each = [a for _ in TIMES for a in range(analytes)]
    return pk_dataset([SubjectData(str(i), doses, samples, analyte=each) for i in range(count)], NAMES[:analytes])


def integrated(values: Mapping[str, float], doses: tuple[Dose, ...]) -> Floats:
    """Solve the differential equations from one change of input to the next: (times, analytes).

    A dose at steady state is the last of a hundred.
    """
    given = [(t - n * every, mg, length) for t, mg, length, every in doses for n in range(100 if every else 1)]
    stops = sorted({*TIMES, *(t for t, *_ in given), *(t + length for t, _, length in given)})
    v = dict(values)
    y, found = np.zeros(4), {}
    for now, until in zip(stops, [*stops[1:], stops[-1] + 1], strict=True):
        found[now] = [y[0] / v["V1"], y[2] * v["kp"] / v["CLp"], y[3] * v["km"] / v["CLm"]]
        y[0] += sum(mg for t, mg, length in given if t == now and not length)
        rate = sum(mg / length for t, mg, length in given if length and t <= now < t + length)

        def flow(_: float, y: Floats, rate: float = rate) -> list[float]:
            loss, there, back = v["CL"] / v["V1"] * y[0], v["Q"] / v["V1"] * y[0], v["Q"] / v["V2"] * y[1]
            return [rate - loss - there + back, there - back, loss - v["kp"] * y[2], v["kp"] * y[2] - v["km"] * y[3]]

        y = solve_ivp(flow, (now, until), y, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    return np.array([found[t] for t in TIMES])


ALPHA = float(TWO_COMPARTMENTS.terms(np.log([[0.4, 2.5, 0.5, 0.9]]))[1][0, 0])
BETA = float(TWO_COMPARTMENTS.terms(np.log([[0.4, 2.5, 0.5, 0.9]]))[1][0, 1])
RATES = {"apart": (1.4, 0.3), "fast payload": (80.0, 0.3), "slow": (0.03, 0.01)}
SAME = {"km = kp": (0.7, 0.7), "nearly": (0.7, 0.7 * (1 + 3e-5)), "kp = β": (BETA, 0.3), "km = α": (1.4, ALPHA)}


@pytest.mark.parametrize("rates", [*RATES.values(), *SAME.values()], ids=[*RATES, *SAME])
@pytest.mark.parametrize(
    "doses",
    [
        ((0.0, 350.0, 0.0, 0.0),),
        ((0.0, 350.0, 0.1, 0.0), (21.0, 200.0, 0.1, 0.0)),
        ((0.0, 350.0, 0.2, 21.0),),
        ((0.0, 350.0, 0.0, 14.0), (21.0, 100.0, 2.0, 0.0)),
    ],
    ids=["bolus", "infusions", "steady state", "both"],
)
def test_all_three_against_a_solver(rates: tuple[float, float], doses: tuple[Dose, ...]) -> None:
    values = {**VALUES, "kp": rates[0], "km": rates[1]}
    if doses[0][3] and min(rates) < 0.05:
        pytest.skip("a hundred doses are no steady state of so slow a rate")
    found = CONJUGATE_PAYLOAD_METABOLITE.predict(sampled(doses=doses), np.log([list(values.values())]))
    near = 1e-7 if rates in SAME.values() else 1e-9
    assert found.reshape(-1, 3) == pytest.approx(integrated(values, doses), rel=near, abs=1e-9)


@pytest.mark.parametrize("rates", [*RATES.values(), *SAME.values()], ids=[*RATES, *SAME])
@pytest.mark.parametrize("model", [CONJUGATE_PAYLOAD, CONJUGATE_PAYLOAD_METABOLITE])
@pytest.mark.parametrize("every", [0.0, 21.0])
def test_derivatives(model: AdcModel, rates: tuple[float, float], every: float) -> None:
    data = sampled(analytes=model.analytes, doses=((0.0, 350.0, 0.1, every), (21.0, 350.0, 0.0, 0.0)))
    values = {**VALUES, "kp": rates[0], "km": rates[1]}
    phi = np.log([[values[name] for name in model.parameters]])
    value, change = model.sensitivities(data, phi)
    assert value == pytest.approx(model.predict(data, phi), rel=1e-12)
    for i in range(phi.shape[1]):
        move = np.zeros_like(phi)
        move[0, i] = 1e-3
        ahead = [model.predict(data, phi + n * move) for n in (1, 2)]
        behind = [model.predict(data, phi - n * move) for n in (1, 2)]
        slope = (8 * (ahead[0] - behind[0]) - (ahead[1] - behind[1])) / 12e-3
        # among rates as good as the same it crosses to rates that are not moved apart: 1e-8 over 1e-3
        near, least = (2e-5, 2e-6) if rates in SAME.values() else (1e-8, 1e-10)
        expected = pytest.approx(slope, rel=near, abs=least * float(value.max()))
        assert change[..., i] == expected, model.parameters[i]


def test_all_rates_the_same_are_still_a_number() -> None:
    values = {**VALUES, "kp": ALPHA, "km": ALPHA}
    value, change = CONJUGATE_PAYLOAD_METABOLITE.sensitivities(
        sampled(doses=((0.0, 350.0, 0.0, 0.0),)), np.log([list(values.values())])
    )
    assert value.reshape(-1, 3) == pytest.approx(integrated(values, ((0.0, 350.0, 0.0, 0.0),)), rel=1e-6, abs=1e-6)
    assert np.isfinite(change).all()


def test_the_conjugate_is_that_of_two_compartments() -> None:
    data, alone = sampled(), sampled(analytes=1)
    phi = np.log([list(VALUES.values())])
    conjugate_only = CONJUGATE_PAYLOAD_METABOLITE.predict(data, phi)[:, ::3]
    assert conjugate_only == pytest.approx(TWO_COMPARTMENTS.predict(alone, phi[:, :4]), rel=1e-14)


def test_areas_are_the_dose_over_the_apparent_clearance() -> None:
    """The integral of Σ w exp(−λ t) is Σ w / λ: 1 / CL, 1 / CLp and 1 / CLm after a unit dose."""
    weight, rate, _, _ = CONJUGATE_PAYLOAD_METABOLITE.terms(np.log([list(VALUES.values())]))
    areas = (weight / rate).sum(axis=2)[0]
    assert areas == pytest.approx([1 / VALUES["CL"], 1 / VALUES["CLp"], 1 / VALUES["CLm"]], rel=1e-12)


def simulated(
    count: int, seed: int, *, limits: Mapping[str, float] | None = None, errors: Mapping[str, ResidualError] = ERRORS
) -> tuple[PkDataset, Population]:
    """Return patients drawn from a population, with their limits of quantification, and that population."""
    truth = Population(VALUES, ("CL", "V1", "CLp", "CLm"), np.diag([0.3, 0.2, 0.35, 0.4]) ** 2, errors)
    data = sampled(count)
    drawn = simulate(CONJUGATE_PAYLOAD_METABOLITE, data, truth, np.random.default_rng(seed))[0]
    limit = np.array([(limits or {}).get(name, 1e-3) for name in NAMES])[data.analyte]
    below = drawn < limit
    return replace(data, value=np.where(below, limit, drawn), below=below), truth


def test_each_analyte_has_its_own_error_and_limit() -> None:
    """The likelihood of all is the sum of those of each, alone with its error; so are values below quantification."""
    data, truth = simulated(4, 3, limits={"DM4": 1.0, "SMEDM4": 2.0})
    assert all(data.below[data.analyte == a].any() for a in (1, 2))
    predicted = CONJUGATE_PAYLOAD_METABOLITE.predict(data, truth.log_parameters(CONJUGATE_PAYLOAD_METABOLITE, data))
    found = log_likelihood_terms(data, predicted, truth.residual)
    for a, name in enumerate(NAMES):
        own = data.analyte == a
        alone = log_likelihood_terms(data, predicted, ERRORS[name])
        for of in ("value", "by_prediction", "information"):
            assert (getattr(found, of)[own] == getattr(alone, of)[own]).all()
    assert len(found.by_log_parameter) == len(standard_deviations(truth.residual))


def test_the_density_of_a_population_and_its_gradient() -> None:
    data, truth = simulated(3, 4, limits={"DM4": 1.0})
    prior = Prior(truth.typical, truth.random, residual=truth.residual, correlated=True)
    assert prior.errors == [
        "IMGN853 proportional error",
        "DM4 proportional error",
        "SMEDM4 additive error",
        "SMEDM4 proportional error",
    ]
    density = population_density(CONJUGATE_PAYLOAD_METABOLITE, data, prior)
    x = prior.start(CONJUGATE_PAYLOAD_METABOLITE, data)
    x = x + 0.1 * np.random.default_rng(1).standard_normal(len(x))
    _, gradient = density(x)
    for i in range(len(x)):
        move = 1e-5 * np.eye(len(x))[i]
        slope = (density(x + move)[0] - density(x - move)[0]) / 2e-5
        assert gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-5)


def test_a_fit_recovers_a_payload() -> None:
    """Small and quick: conjugate and payload, two random effects; every estimate within its interval of the truth."""
    values = {name: VALUES[name] for name in CONJUGATE_PAYLOAD.parameters}
    errors = {name: ERRORS[name] for name in NAMES[:2]}
    truth = Population(values, ("CL", "CLp"), np.diag([0.3, 0.35]) ** 2, errors)
    data = sampled(16, analytes=2)
    drawn = simulate(CONJUGATE_PAYLOAD, data, truth, np.random.default_rng(7))[0]
    start = Population(
        {n: 1.4 * v for n, v in values.items()},
        truth.random,
        np.eye(2) * 0.04,
        {"IMGN853": ResidualError(0.0, 0.3), "DM4": ResidualError(0.0, 0.3)},
    )
    found = fit(CONJUGATE_PAYLOAD, data.with_values(np.maximum(drawn, 1e-6)), start)
    true = [*values.values(), 0.3, 0.35, 0.1, 0.2]
    assert [e.name for e in found.estimates][-2:] == ["IMGN853 proportional error", "DM4 proportional error"]
    for e, value in zip(found.estimates, true, strict=True):
        assert abs(np.log(e.value / value)) < 3 * e.standard_error / e.value, e
        assert e.relative < 30
    assert not found.notes
    assert abs(found.residual_shrinkage) < 15
    own = residuals(
        CONJUGATE_PAYLOAD,
        data.with_values(np.maximum(drawn, 1e-6)),
        found.population,
        np.random.default_rng(1),
        repeats=50,
    )
    for a in (0, 1):  # each analyte by its own error: near standard normal
        assert np.nanstd(own.conditional[data.analyte == a]) == pytest.approx(1.0, abs=0.15)


@pytest.mark.slow
def test_a_fit_recovers_all_three() -> None:
    data, truth = simulated(30, 11, limits={"IMGN853": 1.0, "DM4": 0.3, "SMEDM4": 0.1}, errors=PROPORTIONAL)
    start = Population(
        {n: 1.3 * v for n, v in VALUES.items()},
        truth.random,
        np.eye(4) * 0.09,
        {n: ResidualError(0.0, 0.3) for n in NAMES},
    )
    found = fit(CONJUGATE_PAYLOAD_METABOLITE, data, start)
    true = [*VALUES.values(), 0.3, 0.2, 0.35, 0.4, 0.1, 0.2, 0.25]
    for e, value in zip(found.estimates, true, strict=True):
        assert abs(np.log(e.value / value)) < 3 * e.standard_error / e.value, e
    assert found.objective < objective_function(CONJUGATE_PAYLOAD_METABOLITE, data, truth)[0].sum()


def test_a_patient_whose_payload_says_what_the_conjugate_does_not() -> None:
    """With many samples the most likely parameters are the patient's own; without payload, the typical ones stay."""
    population = Population(
        VALUES, ("CL", "CLp", "CLm"), np.eye(3) * 0.16, {n: ResidualError(0.0, 0.02) for n in NAMES}
    )
    data = sampled()
    own = np.log([list({**VALUES, "CL": 0.55, "CLp": 26.0, "CLm": 3.0}.values())])
    exact = data.with_values(CONJUGATE_PAYLOAD_METABOLITE.predict(data, own))
    used = replace(exact, observed=exact.value > 1e-3)
    assert np.log(individual(CONJUGATE_PAYLOAD_METABOLITE, used, population).parameters) == pytest.approx(own, abs=0.01)
    blind = replace(used, observed=used.observed & (used.analyte == 0))
    found = individual(CONJUGATE_PAYLOAD_METABOLITE, blind, population).parameters[0]
    assert found[0] == pytest.approx(0.55, rel=0.01)
    assert found[[4, 6]] == pytest.approx([VALUES["CLp"], VALUES["CLm"]], rel=1e-6)


def test_what_does_not_fit_together_is_refused() -> None:
    data, truth = simulated(2, 1)
    with pytest.raises(
        ValueError, match=r"'two compartments, intravenous' is of 1 analyte; the data hold 3 \(IMGN853, "
    ):
        individual(
            TWO_COMPARTMENTS,
            data,
            Population({n: VALUES[n] for n in TWO_COMPARTMENTS.parameters}, ("CL",), np.eye(1), ERRORS["DM4"]),
        )
    with pytest.raises(ValueError, match=r"is of 2 analytes; the data hold 3"):
        objective_function(
            CONJUGATE_PAYLOAD, data, replace(truth, typical={n: VALUES[n] for n in CONJUGATE_PAYLOAD.parameters})
        )
    with pytest.raises(ValueError, match=r"is of 3 analytes; the data hold 1"):
        fit(CONJUGATE_PAYLOAD_METABOLITE, sampled(3, analytes=1), truth)
    with pytest.raises(
        ValueError, match=r"residual errors are of IMGN853, DM4; give one for each of IMGN853, DM4, SMEDM4"
    ):
        fit(CONJUGATE_PAYLOAD_METABOLITE, data, replace(truth, residual={n: ERRORS[n] for n in NAMES[:2]}))
    with pytest.raises(ValueError, match="no named analyte"):
        fit(CONJUGATE_PAYLOAD_METABOLITE, data, replace(truth, residual=ResidualError(0.0, 0.2)))
    with pytest.raises(ValueError, match=r"one of the two above 0"):
        fit(CONJUGATE_PAYLOAD_METABOLITE, data, replace(truth, residual={**ERRORS, "DM4": ResidualError(0.0, 0.0)}))
    changing = replace(data, covariates={"WT": np.full((2, 1), 60.0)})
    with pytest.raises(ValueError, match="cannot change within a patient"):
        fit(CONJUGATE_PAYLOAD_METABOLITE, changing, replace(truth, effects=(CovariateEffect("CL", "WT", 70.0),)))
    with pytest.raises(ValueError, match=r"analyte 3; they are numbered from 0, and 3 named"):
        pk_dataset([SubjectData("1", [(0.0, 1.0, 0.0, 0.0)], [(1.0, 1.0, False)], analyte=[3])], NAMES)
    with pytest.raises(ValueError, match="1 samples, and the analyte of 2"):
        pk_dataset([SubjectData("1", [(0.0, 1.0, 0.0, 0.0)], [(1.0, 1.0, False)], analyte=[0, 1])], NAMES)
    with pytest.raises(ValueError, match="1 analyte; the model takes conjugate and payload"):
        conjugate_model(1)


def test_the_chain_of_the_plasma_model_shows_its_apparent_clearances() -> None:
    """A typical patient of the full chain of drug-to-antibody ratios: dose over AUC comes out, of all three within 5 %.

    The shapes do not agree in all: payload falls faster there, for antibody that carries more drug loses more.
    """
    from posology.pharmacology.compounds.library import IMGN853
    from posology.pharmacology.disposition.adc_plasma import Plasma
    from posology.pharmacology.disposition.linear_compartments import Doses

    times = np.array([0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 14, 21])
    plasma, dose = Plasma.of(IMGN853), Doses(0, 355, 0.1)
    course, whole = plasma.course(times, dose), plasma.course(np.linspace(0, 120, 12001), dose)
    of = ("adc", "payload", "metabolite")
    samples = [(float(t), float(getattr(course, name)[0, i]), False) for i, t in enumerate(times) for name in of]
    data = pk_dataset([SubjectData("1", [(0.0, 355.0, 0.1, 0.0)], samples, analyte=[0, 1, 2] * len(times))], NAMES)
    wide = Population({**VALUES, "kp": 5.0}, tuple(VALUES), np.eye(8), {n: ResidualError(0.0, 0.1) for n in NAMES})
    found = dict(zip(VALUES, individual(CONJUGATE_PAYLOAD_METABOLITE, data, wide).parameters[0], strict=True))
    for name, analyte in zip(("CL", "CLp", "CLm"), of, strict=True):
        area = np.trapezoid(getattr(whole, analyte)[0], dx=0.01)
        assert found[name] == pytest.approx(355 / area, rel=0.05), name
    late = CONJUGATE_PAYLOAD_METABOLITE.predict(data, np.log([list(found.values())]))[0, -2] / data.value[0, -2]
    assert 1.3 < late < 2.0
