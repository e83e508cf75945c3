"""Modifiers and inference: what each changes, that it changes nothing else, and BOIN's published estimates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from posology.designs import (
    Action,
    BetaBinomial,
    Blrm,
    Boin,
    Coherent,
    CohortSizes,
    Crm,
    Ewoc,
    IsotonicMtd,
    MaxChance,
    MaxLevel,
    MaxPatients,
    MinPatients,
    Normal,
    NoSkipping,
    StopAt,
    StopPrecise,
    StopStable,
    StopSure,
    StopToxic,
    Tally,
    ThreePlusThree,
    infer,
)
from posology.operating import enumerate_trials
from tests.designs.test_three_plus_three import cases

SKELETON = (0.05, 0.12, 0.25, 0.40)
TRUTH = [0.1, 0.2, 0.3, 0.45]
FREE: Any = Crm(4, 0.25, skeleton=SKELETON, max_patients=15, no_skipping=False, coherent=False)
MODIFIED: list[Any] = [
    NoSkipping(FREE),
    Coherent(FREE, 0.25),
    StopToxic(FREE, rate=0.25, chance=0.7),
    StopAt(FREE, 6),
    StopPrecise(FREE, 0.3),
    MaxPatients(FREE, 9),
    MinPatients(ThreePlusThree(4, mtd_patients=3), 6),
    MaxLevel(FREE, 2),
    BetaBinomial(FREE, 0.25),
    MaxChance(FREE, 0.4),
    StopSure(FREE, 0.7),
    StopStable(FREE, 3),
    StopToxic(FREE, rate=0.25, chance=0.7, level=2),
    CohortSizes(Boin(4, 0.3, cohort=1, max_patients=12), (1, 2, 3)),
    IsotonicMtd(FREE, 0.25),
    StopToxic(StopAt(NoSkipping(FREE), 9), rate=0.3, chance=0.8),
]


@pytest.mark.parametrize("design", MODIFIED)
def test_every_modified_design_is_a_design(design: Any) -> None:
    found = enumerate_trials(design).characteristics(TRUTH)
    assert found.selection.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.dlts[0], np.array(TRUTH) * found.patients[0], atol=1e-10)
    tally = Tally.of("1NNN 2NTN", 4)
    assert design.decide(tally).words(tally)
    assert infer(design, "1NNN 2NTN").rate.shape == (1, 4)


def test_the_crms_own_rules_are_the_modifiers() -> None:
    built_in = Crm(4, 0.25, skeleton=SKELETON, max_patients=15)
    around = Coherent(NoSkipping(FREE), 0.25)
    a, b = enumerate_trials(built_in).characteristics(TRUTH), enumerate_trials(around).characteristics(TRUTH)
    np.testing.assert_allclose(a.selection, b.selection, atol=1e-12)


def test_what_each_does() -> None:
    plain, sizes = (
        enumerate_trials(FREE).characteristics(TRUTH),
        lambda d: enumerate_trials(d).characteristics(TRUTH).size[0],
    )
    assert sizes(MaxPatients(FREE, 9)).max() == 9
    assert sizes(FREE).tolist() == [15]
    capped = enumerate_trials(MaxLevel(FREE, 2)).characteristics(TRUTH)
    assert (capped.patients[0, 2:] == 0).all()
    assert capped.selection[0, 3:].sum() == 0
    toxic = enumerate_trials(StopToxic(FREE, rate=0.25, chance=0.7)).characteristics([0.6, 0.7, 0.8, 0.9])
    assert toxic.selection[0, 0] > 0.8
    assert enumerate_trials(StopAt(FREE, 6)).characteristics(TRUTH).patients.sum() < plain.patients.sum()
    # unequal cohorts: a trial of 12 is decided on after 1, 3, 6, 9 and 12 patients
    assert sizes(CohortSizes(Boin(4, 0.3, cohort=1, max_patients=12), (1, 2, 3))).tolist()[0] >= 3
    # six at the MTD, around Storer's design A, is the usual 3+3 but for the top level, which then needs six too
    six = enumerate_trials(MinPatients(ThreePlusThree(4, mtd_patients=3), 6))
    chosen = six.mtd >= 0
    assert (six.treated[np.flatnonzero(chosen), six.mtd[chosen]] >= 6).all()


def test_stop_precise_stops_when_precise() -> None:
    design = StopPrecise(FREE, width=0.35, level=0.9, patients=6)
    ends = enumerate_trials(design)
    early = ends.treated.sum(axis=1) < 15
    assert early.any()
    tally = Tally(ends.treated[early][:20], ends.toxic[early][:20], np.maximum(ends.mtd[early][:20], 0))
    found = infer(FREE, tally, level=0.9)
    at = ends.mtd[early][:20].astype(int)
    assert ((found.upper - found.lower)[np.arange(len(at)), at] <= 0.35 + 1e-9).all()


@pytest.mark.parametrize(("inputs", "outputs"), cases("boin_select_mtd"))
def test_estimates_and_overdose_of_boin(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """The package prints two decimals. Its limits are misplaced where an untried level lies below a tried one."""
    n = inputs["npts"]
    tally = Tally(np.array([n]), np.array([inputs["ntox"]]), np.array([0]))
    found = infer(Boin(len(n), inputs["target"]), tally, interval=(0.01, inputs["target"]))
    holes = any(n[j] == 0 for j in range(len(n)) if any(n[j + 1 :]))
    for j, (rate, limits, over) in enumerate(
        zip(outputs["phat_2dp"], outputs["CI_2dp"], outputs["p_overdose_2dp"], strict=True)
    ):
        if rate == "----":
            assert not found.known[0, j]
            continue
        assert found.rate[0, j] == pytest.approx(float(rate), abs=0.00501)
        assert found.over[0, j] == pytest.approx(float(over), abs=0.00501)
        if not holes and "NA" not in limits:
            low, high = (float(x) for x in limits.strip("()").split(","))
            assert found.lower[0, j] == pytest.approx(low, abs=0.00501)
            assert found.upper[0, j] == pytest.approx(high, abs=0.00501)


def test_posterior_quantiles_of_models_agree_with_their_chances() -> None:
    for design in (FREE, Blrm(4, 0.25, doses=(1, 2, 4, 8)), Ewoc(4, 0.3, doses=(1, 2, 4, 8))):
        found = infer(design, "1NNN 2NTN", level=0.8)
        assert (found.lower < found.rate).all()
        assert (found.rate < found.upper).all()
        np.testing.assert_allclose(found.under + found.within + found.over, 1)
        for j in range(isinstance(design, Ewoc), 4):  # at EWOC's lowest dose the rate is rho itself, one of its nodes
            above = design.probability_above(Tally.of("1NNN 2NTN", 4), float(found.upper[0, j]))[0, j]
            assert above == pytest.approx(0.1, abs=2e-3 if isinstance(design, Ewoc) else 1e-5)


def test_ewoc_exceeding_against_its_nodes() -> None:
    design = Ewoc(4, 0.3, doses=(1, 2, 4, 8))
    tally = Tally.of("1NNN 2NTN", 4)
    np.testing.assert_allclose(
        design.probability_above(tally, 0.3), np.clip(design.expect(tally, design._at_levels), 0, 1), atol=1e-6
    )
    for rate in (0.1, 0.2, 0.5):
        rough = design.expect(tally, (design.grid.p > rate).T.astype(float))
        np.testing.assert_allclose(design.probability_above(tally, rate), rough, atol=0.02)


def test_untried_levels_are_marked_and_a_single_level_is_its_beta() -> None:
    found = infer(ThreePlusThree(3), "1NNT")
    assert found.known.tolist() == [[True, False, False]]
    assert found.lower[0, 0] == pytest.approx(beta.ppf(0.025, 1.05, 2.05))
    assert found.recommended.tolist() == [0]
    assert "3 more" in found.reasons[0]
    assert found.rows()[0]["level"] == 1
    assert np.isfinite(infer(Boin(3, 0.3), Tally.start(1, 3)).rate).all()


@pytest.mark.parametrize(("rho", "kind"), [(None, "crm"), (0.0, "blrm"), (0.8, "blrm")])
def test_the_chance_of_being_the_mtd_against_plain_integration(rho: Any, kind: str) -> None:
    tally = Tally.of("1NNN 2NNN 3NNT", 4)
    y, n = tally.dlts[0], tally.treated[0]
    z = np.linspace(-7, 7, 40001 if kind == "crm" else 1001)
    if kind == "crm":
        model: Any = FREE
        rates = np.exp(np.exp(z * np.sqrt(1.34))[:, None] * np.log(SKELETON))
        log_prior = -(z**2) / 2
    else:
        model = Blrm(4, 0.25, doses=(1, 2, 4, 8), prior=(Normal((-1.1, 0.0), (2.0, 1.0), rho),))
        a, b = np.meshgrid(z, z, indexing="ij")
        slope = np.exp(np.minimum(b, 5))[..., None] * model.scaled
        rates = 1 / (1 + np.exp(-(-1.1 + 2 * (rho * b + np.sqrt(1 - rho**2) * a))[..., None] - slope))
        log_prior = -(a**2 + b**2) / 2
    with np.errstate(divide="ignore"):
        weight = np.exp(log_prior) * np.prod(rates**y * (1 - rates) ** (n - y), axis=-1)
    nearest = np.abs(rates - 0.25).argmin(axis=-1)
    plain = [weight[nearest == j].sum() / weight.sum() for j in range(4)]
    np.testing.assert_allclose(StopSure(model).chances(tally)[0], plain, atol=2e-3)


def test_rules_that_close_levels() -> None:
    around = BetaBinomial(FREE, rate=0.25, chance=0.9)
    assert beta.sf(0.25, 3, 2) > 0.9 > beta.sf(0.25, 2, 3)  # two of three close the level, one does not
    closes, open_ = Tally.of("1NNN 2NNN 3NTT", 4), Tally.of("1NNN 2NNN 3NNT", 4)
    assert around.highest_safe(closes)[0] == 1
    assert around.highest_safe(open_)[0] == 3
    assert around.decide(closes).level[0] <= 1
    lowest = Tally.of("1TTT", 4)
    assert Action(int(around.decide(lowest).action[0])) is Action.STOP
    assert "no level is safe enough" in around.decide(lowest).words(lowest)
    # overdosing of at most a quarter, around a BLRM without its own bound, is the BLRM's own rule
    blrm = Blrm(4, 0.25, doses=(1, 2, 4, 8), choose_by="highest")
    capped = MaxChance(replace(blrm, overdose=0.999), above=0.33, chance=0.25)
    for outcomes in ("1NNN 2NNN", "1NNN 2NNT", "1NNN 2NNN 3NTT", "1TTT", "1NTT"):
        tally = Tally.of(outcomes, 4)
        assert capped.decide(tally).level[0] == blrm.decide(tally).level[0], outcomes


def test_stopping_when_stable_and_for_a_named_level() -> None:
    settled, open_ = Tally.of("1NNN 2NNNNNNNNTT 3TTT", 4), Tally.of("1NNN 2NNT", 4)
    design = StopStable(replace(FREE, max_patients=60), more=3, chance=0.8, patients=6)
    assert Action(int(design.decide(settled).action[0])) is Action.DECLARE
    assert Action(int(design.decide(open_).action[0])) is not Action.DECLARE
    named = StopToxic(Boin(4, 0.3), rate=0.3, chance=0.9, level=2)
    assert Action(int(named.decide(Tally.of("1NNN 2TTT", 4)).action[0])) is Action.STOP
    assert Action(int(named.decide(Tally.of("1TTN", 4)).action[0])) is not Action.STOP


def test_nonsense_is_refused() -> None:
    for build, said in (
        (lambda: MaxLevel(FREE, 9), "levels 1 to 4"),
        (lambda: StopSure(Boin(4, 0.3)), "needs a CRM or a BLRM"),
        (lambda: MaxChance(FREE, above=0.5, upto=0.4), "from the one up to the other"),
        (lambda: StopToxic(FREE, level=5), "levels 1 to 4"),
        (lambda: CohortSizes(FREE, (1, 3)), "cohorts of one"),
        (lambda: infer(FREE, "1NNN", interval=(0.4, 0.2)), "rising"),
        (lambda: infer(FREE, "1NNN", level=1.2), "between 0 and 1"),
    ):
        with pytest.raises(ValueError, match=said):
            build()


def test_reasons_are_words() -> None:
    tally = Tally.of("1NNN", 4)
    assert (
        NoSkipping(FREE).decide(tally).words(tally)
        == "level 2 is the next one not yet tried, and none is skipped: 3 there"
    )
    assert Action(StopToxic(FREE).decide(Tally.of("1TTT", 4)).action[0]) is Action.STOP
