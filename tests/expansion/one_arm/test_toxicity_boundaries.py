"""Toxicity boundaries: against clinfun and stoppingrule, the least that keeps alpha, and limits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from posology.expansion.one_arm.boundaries import Boundaries, Outcome
from posology.expansion.one_arm.toxicity_boundaries import (
    Statistic,
    beta_binomial,
    max_sprt,
    pocock,
    power_family,
    sprt,
    toxicity_boundaries,
    toxicity_boundaries_with_power,
    wang_tsiatis,
)
from tests.expansion.cases import cases


def rule(kind: str, parameter: Any) -> Statistic:
    match kind, parameter:
        case "Pocock", _:
            return pocock()
        case "OBF", _:
            return wang_tsiatis(0.0)
        case "WT", float(shape):
            return wang_tsiatis(shape)
        case "BB", [a, b]:
            return beta_binomial(a, b)
        case "CC", [a, b, above, chance]:
            return beta_binomial(a, b, above=above, chance=chance)
        case "SPRT", float(p1):
            return sprt(p1)
        case "MaxSPRT", _:
            return max_sprt()
    raise AssertionError(kind)


@pytest.mark.parametrize(("given_", "right"), cases("stoppingrule_bin"))
def test_as_stoppingrule(given_: dict[str, Any], right: dict[str, Any]) -> None:
    looks = given_["ns"]
    ours = toxicity_boundaries(looks, given_["p0"], given_["alpha"], rule(given_["type"], given_["param"]))
    # The package prints a number beyond n + 1 where a look cannot end the cohort.
    assert ours.success == tuple(min(b, n + 1) for b, n in zip(right["boundary"], looks, strict=True))
    rates, chances, _ = zip(*right["oc"]["rows"], strict=True)
    np.testing.assert_allclose(ours.characteristics(rates).power, chances, rtol=1e-9)


@pytest.mark.parametrize(("given_", "right"), cases("clinfun_toxbdry") + cases("clinfun_toxbdry_more"))
def test_as_clinfun(given_: dict[str, Any], right: dict[str, Any]) -> None:
    keep = "power" if given_.get("priority") == "alt" else "alpha"
    lower, higher = toxicity_boundaries_with_power(
        given_["n"],
        given_["pLo"],
        given_["pHi"],
        alpha=given_["cP0"],
        power=given_["cP1"],
        keep=keep,  # type: ignore[arg-type]
        statistic=power_family(given_.get("delta", 0.0)),
    )
    exceeded = [[reached - 1 for reached in table.success] for table in (lower, higher)]
    expected = [right.get("lo_bdry") or right["lo.bdry"], right.get("hi_bdry") or right["hi.bdry"]]
    if (given_["n"], given_["pLo"]) == ([6, 12, 18, 24], 0.33):
        # clinfun's search ends after ten halvings, two steps short: 11 of 24 also keeps alpha, and ends sooner.
        assert exceeded == [[4, 6, 9, 11], [4, 7, 9, 11]]
        assert higher.characteristics(0.33).power[0] <= given_["cP0"] < lower.characteristics(0.33).power[0]
        return
    assert exceeded == expected
    rows = np.array(right["oc"]["rows"] if "oc" in right else right["bdry.oc"])
    for table, columns in ((lower, rows[:, 1:4]), (higher, rows[:, 4:7])):
        result = table.characteristics(rows[:, 0])
        np.testing.assert_allclose(
            np.column_stack([result.power, result.early_stop, result.patients]), columns, rtol=1e-9
        )


STATISTICS = st.sampled_from(
    [pocock(), power_family(0.5), wang_tsiatis(0.2), beta_binomial(0.3, 0.7), sprt(0.9), max_sprt()]
)


@settings(deadline=None, max_examples=60)
@given(st.sets(st.integers(1, 40), min_size=1, max_size=8), st.floats(0.05, 0.5), st.floats(0.01, 0.3), STATISTICS)
def test_the_least_boundary_that_keeps_alpha(looks: set[int], p0: float, alpha: float, statistic: Statistic) -> None:
    table = toxicity_boundaries(sorted(looks), p0, alpha, statistic)
    assert table.characteristics(p0).power[0] <= alpha
    power = table.characteristics([0.1, 0.3, 0.6, 0.9]).power
    assert (np.diff(power) >= -1e-12).all()
    # No later look ends on fewer toxicities than an earlier one that can end (more than its patients: it never does).
    reachable = [reached for n, reached in zip(table.looks, table.success, strict=True) if reached <= n]
    assert all(a <= b for a, b in pairwise(reachable))


def test_one_look_is_the_binomial_test() -> None:
    for statistic in (pocock(), power_family(0.5), wang_tsiatis(0.0), sprt(0.5), max_sprt()):
        table = toxicity_boundaries([30], 0.2, 0.05, statistic)
        assert table.success == (int(binom.isf(0.05, 30, 0.2)) + 1,)


def test_an_alpha_that_nothing_keeps_ends_never() -> None:
    table = toxicity_boundaries([2], 0.5, 0.01)
    assert table == Boundaries((2,), (-1,), (3,), "toxicity")
    assert table.decide(2, 2).outcome is not Outcome.TOO_TOXIC


@pytest.mark.parametrize(
    ("looks", "p0", "alpha"), [([], 0.2, 0.1), ([3, 3], 0.2, 0.1), ([3], 0.0, 0.1), ([3], 0.2, 1.0), ([3], np.nan, 0.1)]
)
def test_refused(looks: list[int], p0: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="lie between|increase"):
        toxicity_boundaries(looks, p0, alpha)


def test_refused_parameters() -> None:
    with pytest.raises(ValueError, match="p0 < p1"):
        toxicity_boundaries([3, 6], 0.5, 0.1, sprt(0.4))
    with pytest.raises(ValueError, match="shape"):
        wang_tsiatis(0.7)
    with pytest.raises(ValueError, match="shapes"):
        beta_binomial(0.0, 1.0)
    with pytest.raises(ValueError, match="take more patients"):
        toxicity_boundaries_with_power([2, 3], 0.1, 0.2, power=0.99, keep="power")
