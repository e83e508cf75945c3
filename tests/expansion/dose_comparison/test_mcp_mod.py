"""MCP-Mod: DoseFinding's contrasts, critical values and power, an exact quantile, simulation, and fits that come back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from posology.expansion.dose_comparison.mcp_mod import Candidate, McpMod, critical_value
from tests.expansion.cases import cases

NAMES = {"linear": "linear", "emax": "emax", "sigEmax": "sigmoid emax", "exponential": "exponential"}


def plan(given_: dict[str, Any]) -> tuple[McpMod, np.ndarray]:
    candidates = {
        name: Candidate(NAMES[name], () if guess is None else tuple(np.atleast_1d(guess)))  # type: ignore[arg-type]
        for name, guess in given_["models"].items()
    }
    covariance = np.diag(given_["sigma"] ** 2 / np.array(given_["n"]))
    return McpMod(tuple(given_["doses"]), candidates, given_["alpha"]), covariance


@pytest.mark.parametrize(("given_", "right"), cases("dosefinding_mcpmod"))
def test_as_dosefinding(given_: dict[str, Any], right: dict[str, Any]) -> None:
    ours, covariance = plan(given_)
    np.testing.assert_allclose(ours.contrasts(covariance), right["contrasts"]["rows"], atol=1e-12)
    np.testing.assert_allclose(ours.correlation(covariance), right["correlation"], atol=1e-12)
    # The package's quantiles and powers have an error of their own, of 4e-4; its power is that of a t distribution.
    quantile = critical_value(ours.correlation(covariance), given_["alpha"])
    assert quantile == pytest.approx(right["critical_value"], abs=5e-4)
    degrees = sum(given_["n"]) - len(given_["n"])
    power = ours.power(covariance, given_["maxEff"], degrees=degrees)
    np.testing.assert_allclose(list(power.values()), right["power"], atol=5e-4)


def test_a_quantile_in_two_dimensions() -> None:
    """Three doses: the maximum of any number of contrasts is an integral over the angle."""
    ours, covariance = plan(cases("dosefinding_mcpmod")[1][0])
    correlation = ours.correlation(covariance)
    values, vectors = np.linalg.eigh(correlation)
    loading = vectors[:, -2:] * np.sqrt(values[-2:])
    angle = np.linspace(0, 2 * np.pi, 400_001)[:-1]
    steepest = (loading @ np.stack([np.cos(angle), np.sin(angle)])).max(axis=0)

    def below(q: float) -> float:
        return float(np.where(steepest > 0, -np.expm1(-((q / np.maximum(steepest, 1e-9)) ** 2) / 2), 1.0).mean())

    exact = brentq(lambda q: below(q) - 0.975, 1.9, 2.6)
    assert critical_value(correlation, 0.025) == pytest.approx(exact, abs=5e-5)


def test_quantiles_at_their_limits() -> None:
    assert critical_value(np.ones((3, 3)), 0.05) == pytest.approx(norm.isf(0.05), abs=1e-6)
    independent = critical_value(np.eye(3), 0.05)
    assert independent == pytest.approx(norm.isf(1 - 0.95 ** (1 / 3)), abs=2e-4)
    assert critical_value(np.eye(3), 0.05, degrees=10) > critical_value(np.eye(3), 0.05, degrees=100) > independent


def test_level_and_power_by_simulation() -> None:
    ours, covariance = plan(cases("dosefinding_mcpmod")[0][0])
    rng = np.random.default_rng(5)
    contrasts = ours.contrasts(covariance)
    scale = np.sqrt(np.einsum("ij,ik,kj->j", contrasts, covariance, contrasts))
    quantile = critical_value(ours.correlation(covariance), ours.alpha)
    noise = rng.multivariate_normal(np.zeros(5), covariance, 200_000)
    assert ((noise @ contrasts / scale).max(axis=1) > quantile).mean() == pytest.approx(0.025, abs=0.0015)
    mean = ours.candidates["emax"].scaled(ours.doses, 0.0, 0.5)
    share = (((noise + mean) @ contrasts / scale).max(axis=1) > quantile).mean()
    assert ours.power(covariance, 0.5)["emax"] == pytest.approx(share, abs=0.005)


def test_a_p_value_is_where_its_statistic_is_the_quantile() -> None:
    ours, covariance = plan(cases("dosefinding_mcpmod")[0][0])
    result = ours.test(np.array([0.0, 0.1, 0.3, 0.5, 0.5]), covariance)
    best = int(result.statistics.argmax())
    quantile = critical_value(ours.correlation(covariance), float(result.p_values[best]))
    assert quantile == pytest.approx(result.statistics[best], abs=1e-3)
    assert result.found == tuple(result.statistics > result.critical_value)


def test_a_fit_comes_back_and_its_dose() -> None:
    doses = (0.0, 0.1, 0.3, 0.6, 1.0, 2.0)
    ours = McpMod(doses, {"linear": Candidate("linear"), "emax": Candidate("emax", (1.0,))})
    truth = 0.2 + 1.5 * np.array(doses) / (0.4 + np.array(doses))
    best, *_ = ours.fit(truth, np.eye(6) / 30)
    assert best.shape == "emax"
    assert (*best.parameters, best.placebo, best.slope) == pytest.approx((0.4, 0.2, 1.5), rel=1e-5)
    dose = best.target_dose(0.75, 2.0)
    assert dose == pytest.approx(0.4, abs=1e-3)
    assert best.target_dose(1.4, 2.0) is None
    falling, *_ = ours.fit(-truth, np.eye(6) / 30)
    assert falling.target_dose(-0.75, 2.0) == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize(
    ("shape", "parameters", "message"),
    [
        ("emax", (), "1 parameters"),
        ("emax", (0.0,), "above 0"),
        ("cubic", (), "no shape"),
        ("linear", (1.0,), "0 param"),
    ],
)
def test_refused_candidates(shape: Any, parameters: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Candidate(shape, parameters)


def test_refused() -> None:
    candidates = {"linear": Candidate("linear")}
    for doses in ((0.0,), (1.0, 0.5), (-1.0, 1.0)):
        with pytest.raises(ValueError, match="rising"):
            McpMod(doses, candidates)
    with pytest.raises(ValueError, match="one candidate"):
        McpMod((0.0, 1.0), {})
    with pytest.raises(ValueError, match="each of 2 doses"):
        McpMod((0.0, 1.0), candidates).test([1.0], np.eye(1))
    with pytest.raises(ValueError, match="alpha"):
        critical_value(np.eye(2), 1.0)
