"""TOP: against numbers recomputed from its paper, BOP2 when nobody is awaited, and simulation at its limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.expansion.one_arm.bop2 import bop2_binary
from posology.expansion.one_arm.boundaries import Outcome
from posology.expansion.one_arm.top import Top
from tests.expansion.cases import cases


def design(given_: dict[str, Any]) -> Top:
    looks = tuple(given_.get("looks") or sorted({given_["n"], given_["N"]}))
    return Top(looks, given_["null"], given_["C"], given_["gamma"], tuple(given_["prior"]))


@pytest.mark.parametrize(("given_", "right"), [case for case in cases("top_binary") if "looks" in case[0]])
def test_tables(given_: dict[str, Any], right: dict[str, Any]) -> None:
    ours = design(given_)
    np.testing.assert_allclose(ours.cutoff(ours.looks), right["cutoff"], rtol=1e-12)
    assert [low + 1 for low in ours.complete.futility] == right["least_events_to_continue"]
    assert [ours.most_awaited(n) for n in ours.looks[:-1]] == right["suspend_when_pending_at_least"]
    for look, crossings in zip(ours.looks, right["ess_where_futility_begins"], strict=True):
        for responses, effective in crossings.items():
            assert ours.futile_from(look, int(responses)) == pytest.approx(effective, abs=1e-8)
        enough = right["least_events_to_continue"][ours.looks.index(look)]
        assert np.isnan(ours.futile_from(look, enough))


@pytest.mark.parametrize(("given_", "right"), [case for case in cases("top_binary") if "looks" not in case[0]])
def test_decisions_with_patients_awaited(given_: dict[str, Any], right: dict[str, Any]) -> None:
    ours = design(given_)
    awaited = given_["pending"]
    decision = ours.decide(given_["n"], given_["events"], [given_["pending_weight"] / awaited] * awaited)
    assert float(ours.chance(given_["events"], right["ess"])) == pytest.approx(right["probability_above_null"])
    assert (decision.outcome is Outcome.FUTILITY) == right["futile"]
    assert f"{100 * right['probability_above_null']:.1f} %" in decision.reason


def test_with_nobody_awaited_it_is_bop2() -> None:
    ours = Top((10, 20, 30), 0.2, 0.9, 0.8)
    table = bop2_binary([10, 20, 30], 0.2, lambda_=0.9, gamma=0.8)
    for look, low in zip(ours.looks, table.futility, strict=True):
        for x in range(look + 1):
            futile = ours.decide(look, x).outcome is Outcome.FUTILITY
            assert futile == (x <= low)


def test_more_follow_up_without_response_never_helps() -> None:
    ours = Top((15, 30), 0.3, 0.9, 0.5)
    chances = ours.chance(3, np.linspace(3, 15, 30))
    assert (np.diff(chances) < 0).all()


def test_accrual_waits() -> None:
    ours = Top((15, 30, 45), 0.3, 0.94, 0.5)
    assert ours.decide(15, 4, [0.5] * 5).outcome is Outcome.WAIT
    assert ours.decide(15, 4, [0.5] * 4).outcome is not Outcome.WAIT
    assert ours.decide(45, 30, [0.5]).outcome is Outcome.WAIT
    assert ours.decide(14, 4, [0.5] * 5).outcome is Outcome.CONTINUE


def test_simulated_as_bop2_where_responses_come_at_once() -> None:
    ours = Top((10, 20, 30), 0.2, 0.9, 0.8)
    exact = ours.complete.characteristics([0.2, 0.4])
    for k, rate in enumerate((0.2, 0.4)):
        result = ours.simulate(rate, np.random.default_rng(k), patients_a_month=2, window=1e-9, trials=20_000)
        assert result.promising == pytest.approx(exact.power[k], abs=4 * result.standard_error)
        assert result.patients == pytest.approx(exact.patients[k], abs=0.25)
        assert result.months == pytest.approx(exact.patients[k] / 2, rel=0.03)
        assert result.waiting < 1e-6


def test_late_responses_take_longer_and_are_still_found() -> None:
    ours = Top((10, 20, 30), 0.2, 0.9, 0.8)
    at_once, late = (
        ours.simulate(0.4, np.random.default_rng(1), patients_a_month=2, window=window, trials=5_000)
        for window in (1e-9, 3.0)
    )
    assert late.months > at_once.months + 2 and late.waiting > 0
    assert late.promising == pytest.approx(at_once.promising, abs=0.05)


@pytest.mark.parametrize(
    ("patients", "responses", "followed", "message"),
    [
        (15, 12, [0.5] * 4, "cannot be"),
        (46, 12, [], "the design has 45"),
        (15, 3, [1.0], "from 0 to below 1"),
        (15, 3, [float("nan")], "from 0 to below 1"),
        (15, -1, [], "cannot be"),
    ],
)
def test_refused(patients: int, responses: int, followed: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Top((15, 30, 45), 0.3, 0.94, 0.5).decide(patients, responses, followed)


def test_refused_parameters() -> None:
    with pytest.raises(ValueError, match="lambda"):
        Top((15, 30), 0.3, 1.2, 0.5)
    with pytest.raises(ValueError, match="increase"):
        Top((15, 15), 0.3, 0.9, 0.5)
    with pytest.raises(ValueError, match="above 0"):
        Top((15, 30), 0.3, 0.9, 0.5).simulate(0.3, np.random.default_rng(1), patients_a_month=0, window=3)
