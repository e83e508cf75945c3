"""The one-sample log-rank test: closed forms of the exponential curve, exact Poisson limits, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2, norm

from posology.expansion.one_arm.one_sample_log_rank import (
    KnownSurvival,
    OneSampleLogRank,
    one_sample_log_rank,
)


def test_against_its_definition() -> None:
    known = KnownSurvival(10.0, 1.3)
    months, died = np.array([2.0, 5.0, 11.0, 20.0]), np.array([1, 0, 1, 1])
    result = one_sample_log_rank(months, died, known)
    expected = ((months / 10) ** 1.3).sum()
    assert result.expected == pytest.approx(expected)
    assert result.z == pytest.approx((expected - 3) / np.sqrt(expected))
    assert result.p_value == pytest.approx(norm.sf(result.z))
    limits = (chi2.ppf(0.025, 6) / 2 / expected, chi2.ppf(0.975, 8) / 2 / expected)
    assert result.interval == pytest.approx(limits)
    assert one_sample_log_rank(months, died, known, variance="mean").z == pytest.approx(
        (expected - 3) / np.sqrt((expected + 3) / 2)
    )


def test_no_death_has_an_interval_from_zero() -> None:
    result = one_sample_log_rank([12.0], [0], KnownSurvival(12.0))
    assert result.ratio == 0 and result.interval == pytest.approx((0.0, -np.log(0.025)))


@pytest.mark.parametrize("shape", [0.6, 1.0, 1.7])
def test_moments_by_adaptive_quadrature(shape: float) -> None:
    known = KnownSurvival.through(6, 0.5, shape)
    design = OneSampleLogRank(known, 0.6, accrual=10, follow_up=5)

    def integral(power: int) -> float:
        def integrand(t: float) -> float:
            hazard = shape / known.scale * (t / known.scale) ** (shape - 1)
            censoring = min(1.0, (15 - t) / 10)
            cumulative = float(known.cumulative_hazard(t))
            return censoring * np.exp(-0.6 * cumulative) * hazard * cumulative**power

        return float(quad(integrand, 0, 5, limit=200)[0] + quad(integrand, 5, 15, limit=200)[0])

    p0, p1, p00, p01 = design._moments()
    assert (p0, p00) == pytest.approx((integral(0), integral(1)), rel=1e-7)
    assert (p1, p01) == pytest.approx((0.6 * p0, 0.6 * p00))


def test_everyone_dies_in_the_end() -> None:
    """With follow-up without end O is n and E is a sum of exponentials of mean 1 / ratio: the variance is 1 / ratio^2."""
    design = OneSampleLogRank(KnownSurvival(1.0), 0.5, accrual=0.01, follow_up=60.0)
    z, power = norm.ppf(0.95), norm.ppf(0.8)
    assert design.patients == int(np.ceil((np.sqrt(2) * z + 2 * power) ** 2))
    assert design.expected_deaths == pytest.approx(design.patients, rel=1e-6)


@pytest.mark.parametrize("variance", ["expected", "mean"])
def test_power_and_level_by_simulation(variance: str) -> None:
    design = OneSampleLogRank(
        KnownSurvival.through(6, 0.5, 1.2),
        0.6,
        accrual=18,
        follow_up=6,
        variance=variance,  # type: ignore[arg-type]
    )
    rng = np.random.default_rng(7)
    assert design.simulate(0.6, rng, trials=20_000) == pytest.approx(design.power_of(design.patients), abs=0.025)
    assert design.simulate(1.0, rng, trials=20_000) == pytest.approx(0.05, abs=0.015)


def test_more_is_asked_of_a_smaller_effect() -> None:
    known = KnownSurvival.through(6, 0.5)
    sizes = [OneSampleLogRank(known, ratio, accrual=12, follow_up=6).patients for ratio in (0.5, 0.6, 0.7, 0.8)]
    assert sizes == sorted(sizes)
    design = OneSampleLogRank(known, 0.6, accrual=12, follow_up=6)
    assert design.power_of(design.patients) >= 0.8 > design.power_of(design.patients - 1)


@pytest.mark.parametrize(
    ("months", "died", "message"),
    [([], [], "one patient"), ([1.0], [1, 0], "one each"), ([-1.0], [1], "0 or more"), ([1.0], [2], "1 is a death")],
)
def test_refused(months: list[float], died: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        one_sample_log_rank(months, died, KnownSurvival(12.0))


def test_refused_designs() -> None:
    known = KnownSurvival(12.0)
    for arguments in ({"hazard_ratio": 1.0}, {"accrual": 0.0}, {"power": 1.0}):
        with pytest.raises(ValueError, match="lie"):
            OneSampleLogRank(**{"known": known, "hazard_ratio": 0.5, "accrual": 12, "follow_up": 6, **arguments})
    with pytest.raises(ValueError, match="share"):
        KnownSurvival.through(6, 1.0)
    with pytest.raises(ValueError, match="above 0"):
        KnownSurvival(float("nan"))
