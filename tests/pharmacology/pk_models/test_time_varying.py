"""Variability between occasions and covariates that change: exact prediction, derivatives, likelihood, recovery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.pharmacology.estimation.diagnostics import residuals, visual_predictive_check
from posology.pharmacology.estimation.foce import fit, individual, objective_function, simulate
from posology.pharmacology.estimation.random_effects import CovariateEffect, Population
from posology.pharmacology.estimation.residual_error import ResidualError
from posology.pharmacology.pk_models.data import Period, PkDataset, SubjectData, period_rows, pk_dataset
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT, ORAL, TWO_COMPARTMENTS, LinearModel
from posology.pharmacology.pk_models.time_varying import predict, sensitivities
from posology.shared.arrays import Floats
from tests.pharmacology.estimation.test_foce import Straight

VALUES = {"ka": 0.9, "CL": 0.7, "V": 5.0, "V1": 4.0, "Q": 0.5, "V2": 6.0}
ENDS = (6.0, 11.5, 20.0)


def integrated(
    model: LinearModel,
    doses: Sequence[tuple[float, float, float, float]],
    times: Sequence[float],
    phi: Floats,
    ends: Sequence[float],
) -> Floats:
    """Solve the differential equations step by step, changing parameters where periods end: (times,).

    Steady state is reached by sixty doses before. The first dose alone may be at steady state.
    """
    from scipy.integrate import solve_ivp

    begin = doses[0][0] - 60 * doses[0][3]
    given = [(begin + n * doses[0][3], *doses[0][1:3]) for n in range(60)] if doses[0][3] else []
    given += [d[:3] for d in doses]
    stops = sorted({begin, *times, *ends, *(t for t, *_ in given), *(t + length for t, _, length in given)})
    state, found = np.zeros(2), {}
    for now, until in zip(stops, [*stops[1:], stops[-1]], strict=True):
        period = int(np.searchsorted(ends[:-1], now, side="left"))  # (end before, end]
        p = dict(zip(model.parameters, np.exp(phi[period]), strict=True))
        found[now] = (state[1] / p["V"]) if model is ORAL else state[0] / p.get("V", p.get("V1", 1.0))
        state[0] += sum(amount for t, amount, length in given if t == now and not length)
        rate = sum(amount / length for t, amount, length in given if length and t <= now < t + length)
        period = int(np.searchsorted(ends[:-1], now, side="right"))
        p = dict(zip(model.parameters, np.exp(phi[period]), strict=True))

        def flow(_: float, y: Floats, p: Any = p, rate: float = rate) -> list[float]:
            if model is ORAL:
                return [rate - p["ka"] * y[0], p["ka"] * y[0] - p["CL"] / p["V"] * y[1]]
            v, q, v2 = p.get("V", p.get("V1", 1.0)), p.get("Q", 0.0), p.get("V2", 1.0)
            return [rate - (p["CL"] + q) / v * y[0] + q / v2 * y[1], q / v * y[0] - q / v2 * y[1]]

        if until > now:
            state = solve_ivp(flow, (now, until), state, rtol=1e-11, atol=1e-12).y[:, -1]
    return np.array([found[t] for t in times])


def courses(model: LinearModel, steady: float = 0.0, length: float = 0.0) -> tuple[PkDataset, Floats]:
    """Return a patient of three periods, and log parameters that differ between them."""
    k = len(model.parameters)
    move = np.random.default_rng(4).normal(0, 0.4, (3, k))
    phi = np.log([VALUES[name] for name in model.parameters]) + move
    doses = [(0.0, 50.0, length, steady), (5.0, 30.0, 3 * length, 0.0), (12.0, 20.0, 0.0, 0.0)]
    times = [0.7, 4.9, 6.0, 7.5, 11.0, 12.0, 13.0, 19.0, 25.0]
    data = pk_dataset(
        [
            SubjectData(
                "1", doses, [(t, 0.0, False) for t in times], periods=[Period(t, str(i)) for i, t in enumerate(ENDS)]
            )
        ]
    )
    return data, phi[None]


@pytest.mark.parametrize("model", [ONE_COMPARTMENT, ORAL, TWO_COMPARTMENTS])
@pytest.mark.parametrize("steady", [0.0, 10.0])
@pytest.mark.parametrize("length", [0.0, 2.0])
def test_piecewise_parameters_against_a_solver(model: LinearModel, steady: float, length: float) -> None:
    """A sample where a period ends is the earlier's; infusions run across the end of a period."""
    data, phi = courses(model, steady, length)
    doses = list(
        zip(*(a[0].tolist() for a in (data.dose_time, data.amount, data.duration, data.interval)), strict=True)
    )
    expected = integrated(model, doses, data.time[0].tolist(), phi[0], ENDS)
    assert predict(model, data, phi)[0] == pytest.approx(expected, rel=1e-7)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([ONE_COMPARTMENT, ORAL, TWO_COMPARTMENTS]),
    st.lists(st.floats(-1, 1), min_size=12, max_size=12),
    st.sampled_from([0.0, 1.5]),
    st.sampled_from([0.0, 8.0]),
)
def test_derivatives_by_the_parameters_of_each_period(
    model: LinearModel, move: list[float], length: float, steady: float
) -> None:
    data, phi = courses(model, steady, length)
    k = len(model.parameters)
    phi = phi + 0.3 * np.reshape(move, (3, 4))[None, :, :k]
    value, change = sensitivities(model, data, phi)
    assert value == pytest.approx(predict(model, data, phi))
    for j in range(3):
        for i in range(k):
            h = np.zeros_like(phi)
            h[0, j, i] = 1e-5
            numeric = (predict(model, data, phi + h) - predict(model, data, phi - h)) / 2e-5
            assert change[:, :, j, i] == pytest.approx(numeric, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("model", [ONE_COMPARTMENT, ORAL, TWO_COMPARTMENTS])
@pytest.mark.parametrize("steady", [0.0, 10.0])
def test_periods_with_the_same_parameters_are_no_periods(model: LinearModel, steady: float) -> None:
    data, phi = courses(model, steady, 1.0)
    same = np.repeat(phi[:, :1], 3, axis=1)
    value, change = sensitivities(model, data, same)
    plain, by = model.sensitivities(data, same[:, 0])
    assert value == pytest.approx(plain, rel=1e-12)
    assert change.sum(axis=2) == pytest.approx(by, rel=1e-9, abs=1e-12)


def test_where_absorption_and_elimination_are_equally_fast() -> None:
    """C(t) = D k t exp(−k t) / V, and its derivatives, at the rate where modes coincide."""
    data = pk_dataset(
        [
            SubjectData(
                "1",
                [(0.0, 50.0, 0.0, 0.0)],
                [(t, 0.0, False) for t in (1.0, 4.0, 9.0)],
                periods=[Period(2.0), Period(9.0)],
            )
        ]
    )
    k, v, t = 0.2, 5.0, data.time[0]
    phi = np.log([[[k, k * v, v]] * 2])
    value, change = sensitivities(ORAL, data, phi)
    assert value[0] == pytest.approx(50 / v * k * t * np.exp(-k * t), rel=1e-7)
    by = change.sum(axis=2)[0]
    half = (
        50 / v * k * t * np.exp(-k * t) * (1 - k * t / 2)
    )  # d/d ln ka at ka = k; d/d ln k is less C by the same token
    assert by[:, 0] == pytest.approx(half, rel=1e-6)
    assert by[:, 1] == pytest.approx(half - value[0], rel=1e-6)


def test_a_dose_at_steady_state_replaces_what_was_there() -> None:
    """NONMEM's SS 1, with parameters that stay the same and with those that change."""
    doses = [(0.0, 80.0, 2.0, 0.0), (1.0, 20.0, 30.0, 0.0), (24.0, 50.0, 0.0, 12.0), (30.0, 10.0, 0.0, 0.0)]
    samples = [(t, 0.0, False) for t in (3.0, 24.0, 25.0, 31.0, 50.0)]
    whole = pk_dataset(
        [SubjectData("1", doses, samples, periods=[Period(24.0), Period(26.0), Period(60.0)], dose_period=[0, 0, 1, 2])]
    )
    after = pk_dataset([SubjectData("1", doses[2:], samples, periods=[Period(26.0), Period(60.0)])])
    phi = np.log([[[0.7, 5.0], [0.9, 6.0], [0.5, 4.0]]])
    both, alone = predict(ONE_COMPARTMENT, whole, phi)[0], predict(ONE_COMPARTMENT, after, phi[:, 1:])[0]
    assert both[2:] == pytest.approx(alone[2:], rel=1e-12)
    assert both[0] > 0 and both[1] > 0
    plain = ONE_COMPARTMENT.predict(whole, phi[:, 0])[0], ONE_COMPARTMENT.predict(after, phi[:, 0])[0]
    assert plain[0][2:] == pytest.approx(plain[1][2:], rel=1e-12)


def test_other_times_belong_to_their_periods() -> None:
    """A dose where an occasion begins, and the sample right after it: with the new volume."""
    data = pk_dataset(
        [
            SubjectData(
                "1",
                [(0.0, 50.0, 0.0, 0.0), (10.0, 50.0, 0.0, 0.0)],
                [(10.0, 0.0, False), (10.0, 0.0, False)],
                [False, True],
                periods=[Period(10.0, "1"), Period(20.0, "2")],
            )
        ]
    )
    phi = np.log([[[1.0, 10.0], [1.0, 20.0]]])
    left = 50 * np.exp(-1.0)
    assert predict(ONE_COMPARTMENT, data, phi)[0] == pytest.approx([left / 10, (left + 50) / 20])
    later = predict(ONE_COMPARTMENT, data.at(np.array([5.0, 10.0, 15.0])), phi)[0]
    expected = [5 * np.exp(-0.5), (left + 50) / 20, (left + 50) / 20 * np.exp(-0.25)]
    assert later == pytest.approx(expected)
    assert [data.at(np.array([5.0, 10.0, 15.0])).sample_period[0].tolist()] == [[0, 1, 1]]


class Steps(Straight):
    """A line whose intercept and slope are those of the period: linear, so that the likelihood is known."""

    def predict_by_period(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        at = (data.sample_period[..., None] == np.arange(phi.shape[1])).astype(float)
        here = np.einsum("psj,pjk->psk", at, phi)
        by = np.stack([np.ones_like(data.time), data.time], axis=2)
        return (here * by).sum(axis=2), at[..., None] * by[:, :, None]


def test_the_objective_is_exact_where_the_model_is_linear() -> None:
    """Ω and Π in closed form; one patient has a third occasion, the other two; the first comes back to occasion 1."""
    rng = np.random.default_rng(3)
    times = np.array([0.0, 1, 2, 5, 6, 7, 9])
    names = (["1", "2", "1", "3"], ["a", "b"])
    ends = ([2.0, 5.0, 6.0, 9.0], [2.0, 9.0])
    data = pk_dataset(
        [
            SubjectData(
                str(i),
                [(0.0, 1.0, 0.0, 0.0)],
                [(t, float(v), False) for t, v in zip(times, rng.uniform(1, 4, 7), strict=True)],
                periods=[Period(t, n) for t, n in zip(ends[i], names[i], strict=True)],
            )
            for i in range(2)
        ]
    )
    omega = np.array([[0.5, 0.1], [0.1, 0.2]])
    population = Population(
        {"a": 2.0, "b": 1.3}, ("a", "b"), omega, ResidualError(0.4, 0.0), between_occasions={"b": 0.3, "a": 0.05}
    )
    parts, found = objective_function(Steps(), data, population)
    design = np.stack([np.ones(7), times], axis=1)
    for i, (own, labels) in enumerate(zip(([0, 0, 0, 1, 0, 2, 2], [0, 0, 0, 1, 1, 1, 1]), names, strict=True)):
        at = np.eye(3)[own]
        kappas = np.concatenate([at[:, [o]] * design[:, ::-1] for o in range(3)], axis=1)
        pi = np.diag([0.3, 0.05] * 3)
        covariance = design @ omega @ design.T + kappas @ pi @ kappas.T + 0.16 * np.eye(7)
        error = data.value[i] - design @ np.log([2.0, 1.3])
        exact = error @ np.linalg.solve(covariance, error) + np.linalg.slogdet(covariance)[1]
        assert parts[i] == pytest.approx(exact, abs=1e-9), labels
        best = np.linalg.solve(covariance, error)
        assert found.eta[i] == pytest.approx(np.concatenate([omega @ design.T @ best, pi @ kappas.T @ best]), abs=1e-8)


def crossover(patients: int, occasions: int = 3, times: Sequence[float] = (0.5, 2.0, 6.0, 12.0)) -> PkDataset:
    """A bolus of 100 every 24 h, each an occasion."""
    return pk_dataset(
        [
            SubjectData(
                str(i),
                [(24.0 * o, 100.0, 0.0, 0.0) for o in range(occasions)],
                [(24.0 * o + t, 0.0, False) for o in range(occasions) for t in times],
                periods=[Period(24.0 * o + times[-1], str(o + 1)) for o in range(occasions)],
            )
            for i in range(patients)
        ]
    )


TRUTH = Population(
    {"CL": 1.0, "V": 10.0}, ("CL", "V"), np.diag([0.09, 0.04]), ResidualError(0.0, 0.08), between_occasions={"CL": 0.04}
)


def test_no_variability_between_occasions_is_the_fit_without() -> None:
    data = crossover(5)
    drawn = data.with_values(simulate(ONE_COMPARTMENT, data, TRUTH, np.random.default_rng(1))[0], 1e-6)
    none, _ = objective_function(ONE_COMPARTMENT, drawn, replace(TRUTH, between_occasions={}))
    little, _ = objective_function(ONE_COMPARTMENT, drawn, replace(TRUTH, between_occasions={"CL": 1e-12, "V": 1e-12}))
    some, _ = objective_function(ONE_COMPARTMENT, drawn, TRUTH)
    assert little == pytest.approx(none, abs=1e-6)
    assert some.sum() < none.sum() - 10


def test_the_objective_against_adaptive_quadrature() -> None:
    """The marginal likelihood of one patient with η and two κ of CL, by a grid of Gauss and Hermite around the optimum.

    The prediction is written out here again: C = A/V, the amount falling at the CL of each occasion. Where the random
    effects are small against the data the conditional likelihood is nearly the exact one.
    """
    data = crossover(1, 2)
    population = replace(
        TRUTH,
        random=("CL",),
        omega=np.array([[0.03]]),
        residual=ResidualError(0.15, 0.0),
        between_occasions={"CL": 0.01},
    )
    drawn = data.with_values(simulate(ONE_COMPARTMENT, data, population, np.random.default_rng(2))[0], 1e-6)
    parts, found = objective_function(ONE_COMPARTMENT, drawn, population)

    def joint(e: Floats) -> Floats:
        """−2 log of the density of data (less n ln 2π) and effects (n, 3)."""
        first, second = (0.1 * np.exp(e[:, 0] + e[:, i])[:, None] for i in (1, 2))
        t = drawn.time[0]
        # the second occasion holds from the last sample of the first, at 12, with 100 more at 24
        left = np.exp(-first * 12)
        later = left * np.exp(-second * (t - 12)) + np.where(t >= 24, np.exp(-second * (t - 24)), 0)
        c = 10 * np.where(t <= 12, np.exp(-first * t), later)
        prior = (
            e[:, 0] ** 2 / 0.03 + (e[:, 1] ** 2 + e[:, 2] ** 2) / 0.01 + np.log(0.03 * 0.01**2) + 3 * np.log(2 * np.pi)
        )
        return np.asarray(((drawn.value[0] - c) ** 2 / 0.15**2 + np.log(0.15**2)).sum(axis=1) + prior)

    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    grid = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 3)
    weight = np.prod(np.stack(np.meshgrid(weights, weights, weights, indexing="ij"), axis=-1).reshape(-1, 3), axis=1)
    factor = np.linalg.cholesky(np.linalg.inv(found.hessian[0]))
    values = joint(found.eta[0] + grid @ factor.T)
    total = (weight * np.exp(-0.5 * (values - values.min()) + 0.5 * (grid**2).sum(axis=1))).sum() * np.linalg.det(
        factor
    )
    exact = -2 * np.log(total) + values.min()
    assert joint(found.eta[:1])[0] == pytest.approx(
        found.minus_two_log_joint[0] + np.log(0.03 * 0.01**2) + 3 * np.log(2 * np.pi), abs=1e-8
    )
    assert parts[0] == pytest.approx(exact, abs=0.02)
    laplace = joint(found.eta[:1])[0] - 3 * np.log(2 * np.pi) + found.log_determinant[0]
    assert parts[0] == pytest.approx(laplace, abs=1e-9)


def test_the_truth_is_recovered_and_what_does_not_vary_is_said() -> None:
    data = crossover(25)
    drawn = data.with_values(simulate(ONE_COMPARTMENT, data, TRUTH, np.random.default_rng(1))[0], 1e-6)
    start = replace(TRUTH, typical={"CL": 1.3, "V": 8.0}, omega=np.eye(2) * 0.06, between_occasions={"CL": 0.02})
    found = fit(ONE_COMPARTMENT, drawn, start)
    expected = {
        "CL": 1.0,
        "V": 10.0,
        "omega CL": 0.3,
        "omega V": 0.2,
        "omega between occasions CL": 0.2,
        "proportional error": 0.08,
    }
    assert [e.name for e in found.estimates] == list(expected)
    for e in found.estimates:
        assert abs(np.log(e.value / expected[e.name])) < 3.5 * e.standard_error / e.value, e
    assert not found.notes and 0 < found.occasion_shrinkage[0] < 40
    assert found.kappa.shape == (25, 3, 1)
    effects = np.random.default_rng(1).standard_normal((25, 5)) * [0.3, 0.2, 0.2, 0.2, 0.2]  # as `simulate` draws them
    own = found.eta[:, :1] + found.kappa[:, :, 0]
    assert np.corrcoef(own.ravel(), (effects[:, :1] + effects[:, 2:]).ravel())[0, 1] > 0.97
    each = individual(ONE_COMPARTMENT, drawn, found.population)
    assert each.eta == pytest.approx(found.eta, abs=1e-6) and each.kappa == pytest.approx(found.kappa, abs=1e-6)
    assert each.parameters == pytest.approx(found.parameters)


def test_residuals_and_predictive_check_know_the_occasions() -> None:
    data = crossover(60)
    drawn = data.with_values(simulate(ONE_COMPARTMENT, data, TRUTH, np.random.default_rng(6))[0], 1e-6)
    found = residuals(ONE_COMPARTMENT, drawn, TRUTH, np.random.default_rng(7), repeats=300)
    for values in (found.conditional, found.npde):
        assert values.mean() == pytest.approx(0, abs=0.12) and values.std() == pytest.approx(1, abs=0.12)
    without = residuals(
        ONE_COMPARTMENT, drawn, replace(TRUTH, between_occasions={}), np.random.default_rng(7), repeats=300
    )
    assert without.conditional.std() > 1.5
    check = visual_predictive_check(ONE_COMPARTMENT, drawn, TRUTH, np.random.default_rng(8), repeats=100)
    inside = (check.simulated[..., 0] <= check.observed) & (check.observed <= check.simulated[..., 2])
    assert inside.mean() > 0.85


def test_an_occasion_without_a_sample_has_no_kappa() -> None:
    data = crossover(3)
    kept = pk_dataset(
        [
            SubjectData(
                n,
                [(24.0 * o, 100.0, 0.0, 0.0) for o in range(3)],
                [(t, 5.0, False) for t in (2.0, 6.0, 50.0, 53.0)],
                periods=[Period(24.0 * o + 12, str(o)) for o in range(3)],
            )
            for n in data.names
        ]
    )
    found = individual(ONE_COMPARTMENT, kept, TRUTH)
    assert np.isnan(found.kappa[:, 1]).all() and np.isfinite(found.kappa[:, [0, 2]]).all()


class Fixed(Straight):
    name = "straight"


def test_what_cannot_vary_is_said() -> None:
    data = crossover(3)
    with pytest.raises(ValueError, match="parameters of 'straight' cannot change within a patient"):
        fit(
            Fixed(),
            data,
            Population({"a": 1.0, "b": 1.0}, ("a",), np.eye(1), ResidualError(1.0, 0.0), between_occasions={"b": 1.0}),
        )
    with pytest.raises(ValueError, match="no patient has a second occasion"):
        fit(ONE_COMPARTMENT, crossover(3, 1), TRUTH)
    with pytest.raises(ValueError, match="no parameter 'V2'"):
        fit(ONE_COMPARTMENT, data, replace(TRUTH, between_occasions={"V2": 0.1}))
    with pytest.raises(ValueError, match="variance between occasions of CL is 0; it is above 0"):
        fit(ONE_COMPARTMENT, data, replace(TRUTH, between_occasions={"CL": 0.0}))
    ends = [Period(1.0, "1"), Period(9.0, "2")]
    steady = SubjectData("7", [(0.0, 50.0, 20.0, 12.0)], [(5.0, 1.0, False)], periods=ends)
    with pytest.raises(
        ValueError, match=r"patient 7, time 0: .* changes during infusions at steady state that overlap"
    ):
        period_rows(pk_dataset([steady, replace(steady, name="8")]))
    with pytest.raises(ValueError, match="patient 7: a period until 1 follows one until 9"):
        pk_dataset([replace(steady, periods=ends[::-1])])


def renal(patients: int, seed: int) -> PkDataset:
    """Creatinine clearance at each sample, falling or rising; it stays as it was where a record repeats it."""
    rng = np.random.default_rng(seed)
    held = []
    for i in range(patients):
        levels = 80 * np.exp(np.cumsum(0.3 * rng.standard_normal(6)))
        periods = [
            Period(t, covariates={"CRCL": float(v)}) for t, v in zip((6.0, 24.0, 30, 48, 54, 72), levels, strict=True)
        ]
        samples = [(t, 0.0, False) for t in (2.0, 6, 24, 30, 48, 54, 72)]
        held.append(
            SubjectData(
                str(i),
                [(24.0 * o, 100.0, 1.0, 0.0) for o in range(3)],
                samples,
                covariates={"WT": 60.0 + i},
                periods=periods,
            )
        )
    return pk_dataset(held)


RENAL = Population(
    {"CL": 1.0, "V": 10.0},
    ("CL",),
    np.array([[0.04]]),
    ResidualError(0.0, 0.1),
    (CovariateEffect("CL", "CRCL", 80.0, 0.8), CovariateEffect("V", "WT", 60.0, 1.0)),
)


def test_a_covariate_that_changes_acts_in_its_periods() -> None:
    """Against a solver; and one that is constant costs nothing: the log parameters stay (patients, parameters)."""
    data = renal(2, 1)
    phi = RENAL.log_parameters(ONE_COMPARTMENT, data)
    assert phi.shape == (2, 6, 2) and np.ptp(phi[..., 1], axis=1) == pytest.approx(0)
    doses = [(24.0 * o, 100.0, 1.0, 0.0) for o in range(3)]
    for row in range(2):
        expected = integrated(ONE_COMPARTMENT, doses, data.time[row].tolist(), phi[row], [6, 24, 30, 48, 54, 72])
        assert predict(ONE_COMPARTMENT, data, phi)[row] == pytest.approx(expected, rel=1e-7)
    assert replace(RENAL, effects=RENAL.effects[1:]).log_parameters(ONE_COMPARTMENT, data).shape == (2, 2)


def test_a_covariate_that_changes_is_recovered() -> None:
    data = renal(20, 2)
    drawn = data.with_values(simulate(ONE_COMPARTMENT, data, RENAL, np.random.default_rng(3))[0], 1e-6)
    start = replace(
        RENAL, effects=(CovariateEffect("CL", "CRCL", 80.0), RENAL.effects[1]), typical={"CL": 1.3, "V": 9.0}
    )
    found = fit(ONE_COMPARTMENT, drawn, start)
    power = next(e for e in found.estimates if e.name == "CRCL on CL")
    assert abs(power.value - 0.8) < 3 * power.standard_error < 0.3
    first = replace(drawn, covariates={n: v if v.ndim == 1 else v[:, 0] for n, v in drawn.covariates.items()})
    assert fit(ONE_COMPARTMENT, first, start).objective > found.objective + 50


def test_a_covariate_is_above_0_in_every_period() -> None:
    data = renal(2, 1)
    data.covariates["CRCL"][1, 3] = 0.0
    with pytest.raises(ValueError, match="patient 1: CRCL is 0; it is above 0"):
        RENAL.log_parameters(ONE_COMPARTMENT, data)
