"""Simulation against the exact results, dfcrm's titesim and bfboin; on the clock, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from posology.designs import (
    APlusB,
    BeBoin,
    BfBoin,
    Blrm,
    Boin,
    Crm,
    Ewoc,
    I3plus3,
    Iboin,
    Keyboard,
    Mtpi,
    Mtpi2,
    NoSkipping,
    RollingSix,
    ThreePlusThree,
    TiteBoin,
    TiteCrm,
    Titration,
    Tpi,
)
from posology.operating import PotentialOutcomes, Scenario, enumerate_trials, simulate
from tests.designs.test_three_plus_three import cases

TRUTH = (0.05, 0.15, 0.3, 0.45)
SKELETON = (0.06, 0.14, 0.25, 0.38)
DOSES = (1, 2, 4, 8)
EVERY: list[Any] = [
    ThreePlusThree(4),
    APlusB(4),
    Boin(4, 0.3, max_patients=18),
    Iboin(4, 0.3, prior=SKELETON, max_patients=18),
    Mtpi(4, 0.3, max_patients=18),
    Mtpi2(4, 0.3, max_patients=18),
    Keyboard(4, 0.3, max_patients=18),
    Tpi(4, 0.3, max_patients=18),
    I3plus3(4, 0.3, max_patients=18),
    Crm(4, 0.25, skeleton=SKELETON, max_patients=18),
    Crm(4, 0.25, skeleton=SKELETON, max_patients=12, fit="mle", initial=(3, 3, 3, 3)),
    Blrm(4, 0.25, doses=DOSES, max_patients=15),
    Ewoc(4, 0.3, doses=DOSES, max_patients=15),
    Titration(Boin(4, 0.3, max_patients=15), last_titration_level=3),
    NoSkipping(Crm(4, 0.25, skeleton=SKELETON, max_patients=12, no_skipping=False)),
]


@pytest.mark.parametrize("design", EVERY, ids=lambda d: type(d).__name__)
def test_simulated_agrees_with_exact(design: Any) -> None:
    found = simulate(design, Scenario(TRUTH), PotentialOutcomes.draw(np.random.default_rng(3), 2000, 30))
    exact = enumerate_trials(design).characteristics(TRUTH)
    error = np.sqrt(np.maximum(exact.selection[0] * (1 - exact.selection[0]), 1e-3) / 2000)
    assert (np.abs(found.selection - exact.selection[0]) < 4.5 * error).all()
    assert (np.abs(found.patients - exact.patients[0]) < 4.5 * found.patients_error + 0.02).all()
    assert (np.abs(found.dlts - exact.dlts[0]) < 4.5 * found.dlts_error + 0.02).all()


@pytest.mark.slow
@pytest.mark.parametrize("design", EVERY, ids=lambda d: type(d).__name__)
def test_simulated_agrees_with_exact_closely(design: Any) -> None:
    found = simulate(design, Scenario(TRUTH), PotentialOutcomes.draw(np.random.default_rng(4), 40_000, 30))
    exact = enumerate_trials(design).characteristics(TRUTH)
    error = np.sqrt(np.maximum(exact.selection[0] * (1 - exact.selection[0]), 1e-4) / 40_000)
    assert (np.abs(found.selection - exact.selection[0]) < 5 * error).all()


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_titesim"))
def test_titesim_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """1,000 trials there, 4,000 here; the same accrual, DLTs evenly over the window, no patient ever held back."""
    design = TiteCrm(
        5, inputs["target"], skeleton=tuple(inputs["prior"]), cohort=1, max_patients=inputs["n"], coherent=False
    )
    scenario = Scenario(tuple(inputs["PI"]), window=6, accrual=inputs["rate"] / 6, arrivals=inputs["accrual"])
    found = simulate(design, scenario, PotentialOutcomes.draw(np.random.default_rng(2), 4000, inputs["n"]))
    error = np.sqrt(np.maximum(found.selection[1:] * (1 - found.selection[1:]), 0.004) * (1 / 1000 + 1 / 4000))
    assert (np.abs(found.selection[1:] - outputs["MTD"]) < 4.5 * error).all()
    assert (
        np.abs(found.patients - outputs["level"]) < 4.5 * found.treated.std(axis=0) * np.sqrt(1 / 1000 + 1 / 4000)
    ).all()
    assert (np.abs(found.dlts - outputs["tox"]) < 4.5 * found.toxic.std(axis=0) * np.sqrt(1 / 1000 + 1 / 4000)).all()
    assert found.mean_duration[0] == pytest.approx(outputs["mean_duration"], abs=0.7)


@pytest.mark.parametrize(("inputs", "outputs"), cases("bfboin_get_oc_bf"))
def test_backfilling_of_bfboin(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """2,000 trials there and here, on the package's clock: arrivals uniform from none to twice the mean, or Poisson."""
    design = BfBoin(
        len(inputs["p.true"]),
        inputs["target"],
        max_patients=inputs["ncohort"] * inputs["cohortsize"],
        stop_at=inputs["n.earlystop"],
        cap=inputs["n.cap"],
        assign=inputs.get("backfill.assign", "highest"),
        extra_safe=inputs.get("offset", 0) if inputs.get("extrasafe") else 0.0,
    )
    scenario = Scenario(
        tuple(inputs["p.true"]),
        window=inputs["dlt.window"],
        accrual=inputs["n.per.month"],
        arrivals="poisson" if inputs.get("accrual") == "poisson" else "uniform",
        response=tuple(inputs["p.response.true"]),
    )
    found = simulate(design, scenario, PotentialOutcomes.draw(np.random.default_rng(6), 2000, 110))
    expected = np.array([outputs["percentstop"], *outputs["selpercent"]]) / 100
    error = np.sqrt(np.maximum(expected * (1 - expected), 1e-3) / 1000)
    assert (np.abs(found.selection - expected) < 4.5 * error).all()
    np.testing.assert_allclose(found.patients, outputs["npatients"], atol=0.9)
    assert found.mean_duration[0] == pytest.approx(outputs["duration"], rel=0.05)


def test_a_level_is_never_backfilled_above_its_cap() -> None:
    """The cap counts all patients at a level, those still in their window included."""
    design = BfBoin(4, 0.3, cap=6, needs_response=False)
    scenario = Scenario((0.02, 0.05, 0.1, 0.2), window=84, accrual=1 / 4)
    found = simulate(design, scenario, PotentialOutcomes.draw(np.random.default_rng(5), 500, 60))
    assert found.backfilled.sum() > 500
    after_one_cohort = found.treated - found.backfilled == 3  # the escalation itself may go beyond the cap
    assert (found.treated[after_one_cohort] <= 6).all()
    assert (found.treated[after_one_cohort] == 6).any()


def test_backfilling_inside_a_rule_is_backfilling() -> None:
    from posology.designs import StopAt

    scenario = Scenario(TRUTH, window=84, accrual=1 / 10, response=(0.5,) * 4)
    patients = PotentialOutcomes.draw(np.random.default_rng(6), 200, 120)
    found = simulate(StopAt(BfBoin(4, 0.3), patients=12), scenario, patients)
    assert found.backfilled.sum() > 200
    assert ((found.responses >= 0) & (found.responses <= found.treated)).all()
    assert (found.obd[found.mtd >= 0] <= found.mtd[found.mtd >= 0]).all()


def test_backfilling_on_responses_needs_response_rates() -> None:
    with pytest.raises(ValueError, match="response rate of each level"):
        simulate(BfBoin(4, 0.3), Scenario(TRUTH), PotentialOutcomes.draw(np.random.default_rng(6), 20, 80))


@pytest.mark.parametrize(
    "design", [TiteBoin(4, 0.3), TiteCrm(4, 0.25, skeleton=SKELETON), RollingSix(4), BfBoin(4, 0.3), BeBoin(4, 0.3)]
)
def test_a_design_that_depends_on_time_is_never_exact(design: Any) -> None:
    with pytest.raises(ValueError, match="no exact operating characteristics"):
        enumerate_trials(design)


def test_be_boin_backfills_and_does_not_wait() -> None:
    rng = np.random.default_rng(7)
    patients = PotentialOutcomes.draw(rng, 800, 110)
    scenario = Scenario(TRUTH, window=90, accrual=1 / 15, response=(0.5, 0.5, 0.5, 0.5))
    waits = simulate(BfBoin(4, 0.3, max_patients=18), scenario, patients)
    goes_on = simulate(BeBoin(4, 0.3, max_patients=18), scenario, patients)
    alone = simulate(TiteBoin(4, 0.3, max_patients=18), scenario, patients)
    assert goes_on.mean_duration[0] < waits.mean_duration[0]
    assert goes_on.treated.sum() > alone.treated.sum()
    assert abs(goes_on.correct(0.3)[0] - alone.correct(0.3)[0]) < 0.15


def test_the_clock_by_hand() -> None:
    """Two levels, cohorts of two at fixed days, nobody with a DLT: arrivals, windows and the end are plain sums."""
    n = 4
    patients = PotentialOutcomes(*(np.full((1, n), 0.999) for _ in range(6)))
    found = simulate(
        Boin(2, 0.3, cohort=2, max_patients=4), Scenario((0.1, 0.2), window=28, accrual=0.1, arrivals="fixed"), patients
    )
    # patients at days 10 and 20; all known at 48; the third, who came at 30, waits until 48, the fourth comes at 58
    assert found.duration.tolist() == [58 + 28]
    assert found.treated.tolist() == [[2, 2]]


def test_late_designs_end_sooner_and_see_late_toxicity() -> None:
    patients = PotentialOutcomes.draw(np.random.default_rng(1), 1500, 24)
    scenario = Scenario(TRUTH, window=84, accrual=1 / 14, late=0.8)
    plain = simulate(Boin(4, 0.3, max_patients=24), scenario, patients)
    tite = simulate(TiteBoin(4, 0.3, max_patients=24), scenario, patients)
    crm = simulate(TiteCrm(4, 0.3, skeleton=SKELETON, cohort=1, max_patients=24), scenario, patients)
    six = simulate(RollingSix(4), scenario, patients)
    assert tite.mean_duration[0] < 0.8 * plain.mean_duration[0]
    assert crm.mean_duration[0] < 0.8 * plain.mean_duration[0]
    assert abs(tite.correct(0.3)[0] - plain.correct(0.3)[0]) < 0.1
    assert six.mean_duration[0] < simulate(ThreePlusThree(4), scenario, patients).mean_duration[0]
    assert (six.treated.max(axis=1) <= 6).all()


def test_common_patients_make_the_same_trial_twice_and_pair_designs() -> None:
    patients = PotentialOutcomes.draw(np.random.default_rng(1), 400, 50)
    scenario = Scenario(TRUTH, dropout=0.1)
    a, b = (simulate(Boin(4, 0.3), scenario, patients) for _ in range(2))
    np.testing.assert_array_equal(a.mtd, b.mtd)
    other = simulate(Mtpi2(4, 0.3), scenario, patients)
    assert (a.mtd == other.mtd).mean() > 0.8  # near designs agree trial by trial
    assert a.lost.mean() > 1
    assert (a.treated.sum(axis=1) - a.lost == 30).all() | (a.mtd[a.treated.sum(axis=1) - a.lost < 30] == -1).all()


def test_dlts_come_when_they_are_said_to() -> None:
    patients = PotentialOutcomes.draw(np.random.default_rng(1), 4000, 6)
    scenario = Scenario((0.9,), window=100, late=0.7)
    found = simulate(Boin(1, 0.3, cohort=1, max_patients=1, elimination=1), scenario, patients)
    only = found.toxic[:, 0] == 1
    # from the start of the only patient to the DLT
    took = found.duration[only] - patients.gap[only, 0] / scenario.accrual
    assert (took > 50).mean() == pytest.approx(0.7, abs=0.03)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Scenario((0.1, 1.2)), "between 0 and 1"),
        (lambda: Scenario((0.1,), response=(0.1, 0.2)), "one for each level"),
        (lambda: Scenario((0.1,), accrual=0), "above 0"),
        (lambda: Scenario((0.1,), late=1), "late"),
        (
            lambda: simulate(
                Boin(3, 0.3), Scenario((0.1, 0.2)), PotentialOutcomes.draw(np.random.default_rng(1), 5, 30)
            ),
            "has 2 rates",
        ),
        (
            lambda: simulate(
                Boin(2, 0.3), Scenario((0.1, 0.2)), PotentialOutcomes.draw(np.random.default_rng(1), 5, 10)
            ),
            "draw more",
        ),
    ],
)
def test_nonsense_is_refused(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()


def test_a_plain_setting_can_be_changed() -> None:
    assert replace(Scenario((0.1,)), window=10).window == 10
