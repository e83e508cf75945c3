"""Boundaries: exact characteristics against clinfun, the binomial and simulation; decisions with patients awaited."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from posology.expansion.one_arm.boundaries import Boundaries, Outcome
from tests.expansion.cases import cases


@st.composite
def boundaries(draw: st.DrawFn) -> Boundaries:
    looks = tuple(sorted(draw(st.sets(st.integers(1, 40), min_size=1, max_size=5))))
    low, high = [], []
    for n in looks:
        a = draw(st.integers(-1, n))
        low.append(a)
        high.append(draw(st.integers(a + 1, n + 1)))
    return Boundaries(looks, tuple(low), tuple(high))


@pytest.mark.parametrize(("given_", "right"), cases("clinfun_bdrycross"))
def test_toxicity_boundaries_as_clinfun(given_: dict, right: dict) -> None:
    looks = tuple(given_["n"])
    upper = tuple(min(r + 1, n + 1) for r, n in zip(given_["r"], looks, strict=True))
    result = Boundaries(looks, (-1,) * len(looks), upper, "toxicity").characteristics(given_["ptox"])
    ours = [result.rate[0], result.power[0], result.early_stop[0], result.patients[0]]
    np.testing.assert_allclose(ours, right["value"], rtol=1e-10)


@pytest.mark.parametrize(("given_", "right"), cases("clinfun_oc_twostage"))
def test_two_stages_as_clinfun(given_: dict, right: dict) -> None:
    r1, n1, r, n = (given_[name] for name in ("r1", "n1", "r", "n"))
    result = Boundaries((n1, n), (r1, r), (n1 + 1, r + 1)).characteristics([given_["pu"], given_["pa"]])
    ours = [*result.power, result.early_stop[0], result.patients[0]]
    np.testing.assert_allclose(ours, [right[k] for k in ("reject_p0", "reject_p1", "PET_p0", "EN_p0")], rtol=1e-9)


@given(boundaries(), st.floats(0, 1))
def test_every_trial_ends_once(design: Boundaries, rate: float) -> None:
    result = design.characteristics([rate])
    n, low, high = design.looks[-1], design.futility[-1], design.success[-1]
    between = 1 - result.futility.sum() - result.success.sum()
    assert -1e-9 <= between <= 1 + 1e-9
    if high == low + 1:
        assert abs(between) < 1e-9
    assert design.looks[0] - 1e-9 <= result.patients[0] <= n + 1e-9


@given(boundaries())
def test_power_rises_with_the_rate_where_only_futility_ends_early(design: Boundaries) -> None:
    last = design.looks[-1]
    one_sided = Boundaries(
        design.looks, design.futility, (*(n + 1 for n in design.looks[:-1]), design.futility[-1] + 1)
    )
    assert one_sided.max_patients == last
    power = one_sided.characteristics(np.linspace(0, 1, 21)).power
    assert (np.diff(power) >= -1e-9).all()


def test_exact_equals_simulation() -> None:
    design = Boundaries((10, 20, 35), (1, 4, 9), (6, 9, 10))
    rng = np.random.default_rng(1)
    responses = rng.random((200_000, 35)) < 0.28
    ends = np.zeros(len(responses), int)
    patients = np.full(len(responses), 35)
    for n, low, high in zip(design.looks, design.futility, design.success, strict=True):
        count = responses[:, :n].sum(axis=1)
        now = (ends == 0) & ((count <= low) | (count >= high))
        ends[now] = np.where(count[now] >= high, 2, 1)
        patients[now] = n
    exact = design.characteristics([0.28])
    assert abs((ends == 2).mean() - exact.power[0]) < 4 * 0.5 / np.sqrt(len(ends))
    assert abs(patients.mean() - exact.patients[0]) < 4 * patients.std() / np.sqrt(len(ends))


def test_a_single_look_is_the_binomial() -> None:
    result = Boundaries((40,), (11,), (12,)).characteristics([0.2, 0.4])
    np.testing.assert_allclose(result.power, binom.sf(11, 40, [0.2, 0.4]), rtol=1e-12)


def test_large_trials_do_not_overflow() -> None:
    result = Boundaries((1000, 3000), (450, 1450), (1001, 1451)).characteristics([0.0, 0.5, 1.0])
    assert result.power[0] == 0
    assert result.power[2] == pytest.approx(1)
    assert 0 < result.power[1] < 1


@given(boundaries(), st.data())
def test_an_answer_given_early_is_the_answer_whatever_the_awaited_show(design: Boundaries, data: st.DataObject) -> None:
    n = data.draw(st.sampled_from(design.looks))
    responses = data.draw(st.integers(0, n))
    pending = data.draw(st.integers(0, n - responses))
    now = design.decide(n, responses, pending).outcome
    later = {design.decide(n, responses + k).outcome for k in range(pending + 1)}
    assert now in later if len(later) == 1 else True
    if now is not Outcome.WAIT:
        assert later == {now}
    else:
        assert len(later) > 1


def test_patients_treated_beyond_a_look_never_turn_its_answer() -> None:
    design = Boundaries((10, 29), (1, 5), (11, 6))
    assert design.decide(12, 1).outcome is Outcome.FUTILITY  # 1 of 12 is at most 1 of the first 10
    assert design.decide(12, 2).outcome is Outcome.WAIT  # both may have come after the first 10
    assert design.decide(12, 4).outcome is Outcome.CONTINUE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((), (), ()), "one look or more"),
        (((10, 10), (1, 1), (5, 5)), "increase"),
        (((10,), (5,), (5,)), "overlap"),
        (((10,), (-2,), (5,)), "between -1 and 11"),
    ],
)
def test_tables_that_cannot_be(arguments: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Boundaries(*arguments)


@pytest.mark.parametrize(
    ("counts", "words"), [((5, 6), "cannot be"), ((5, 4, 2), "cannot be"), ((30, 5), "hold no more")]
)
def test_counts_that_cannot_be(counts: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Boundaries((10, 29), (1, 5), (11, 6)).decide(*counts)


def test_rates_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Boundaries((10,), (1,), (2,)).characteristics([1.2])
    with pytest.raises(ValueError, match="between 0 and 1"):
        Boundaries((10,), (1,), (2,)).characteristics([np.nan])
