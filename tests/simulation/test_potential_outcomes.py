"""Virtual patients that carry the drug: the same trials as coin flips where they say the same, and the trial of
2013."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from typer.testing import CliRunner

from posology.cli.app import app
from posology.designs import BfBoin, Boin, RollingSix, ThreePlusThree, TiteBoin, Titration
from posology.endpoints.body_size import Metric, dose_mg
from posology.examples import imgn853
from posology.operating import PotentialOutcomes, Scenario, simulate
from posology.pharmacology.clinical.dose_modification import as_planned
from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR
from posology.pharmacology.compounds.library import IMGN853, IMGN853_SATURABLE
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.linear_compartments import Doses
from posology.pharmacology.virtual_patients.demographics import OVARIAN
from posology.simulation.potential_outcomes import DrugDrivenPatients, draw_patients, two_compartment_equivalent

LEVELS = np.array([0.15, 0.5, 1.0, 2.0, 3.3, 5.0, 7.0])
DESIGNS: list[Any] = [
    ThreePlusThree(3),
    Boin(3, 0.3, max_patients=15),
    TiteBoin(3, 0.3, max_patients=15),
    RollingSix(3),
    BfBoin(3, 0.3, max_patients=12, cap=6),
    Titration(ThreePlusThree(3), last_titration_level=2),
]


def by(metric: Metric, levels: Any = LEVELS) -> Any:
    return lambda p: dose_mg(1.0, metric, p.weight_kg, p.height_cm, p.sex)[:, None] * np.asarray(levels)


def written_out(patients: PotentialOutcomes, scenario: Scenario) -> DrugDrivenPatients:
    """Coin flips as days of a DLT at each level."""
    trials, many = patients.shape
    levels = len(scenario.truth)
    rows, k, level = (a.ravel() for a in np.indices((trials, many, levels)))
    wide = lambda values: values.reshape(trials, many, levels)
    return DrugDrivenPatients(
        wide(patients.dlt_day(scenario, rows, k, level)),
        np.full((trials, many, levels, 3), np.inf),
        wide(patients.respond(scenario, rows, k, level)),
        patients.gap,
        patients.leaves,
        patients.left_at,
    )


@pytest.mark.parametrize("design", DESIGNS, ids=lambda d: type(d).__name__)
@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    truth=st.tuples(*[st.floats(0, 0.7)] * 3),
    dropout=st.sampled_from([0.0, 0.1]),
    late=st.floats(0.1, 0.9),
)
def test_coin_flips_written_out_as_days_give_the_same_trials(
    design: Any, seed: int, truth: Any, dropout: float, late: float
) -> None:
    scenario = Scenario(truth, dropout=dropout, late=late, response=(0.1, 0.3, 0.5))
    patients = PotentialOutcomes.draw(np.random.default_rng(seed), 20, 80)
    flips, days = (simulate(design, scenario, each) for each in (patients, written_out(patients, scenario)))
    for name in ("treated", "toxic", "mtd", "duration", "lost", "later"):
        assert (getattr(flips, name) == getattr(days, name)).all(), name
    assert (flips.later == 0).all()


def carriers(dlt: Any, ocular: Any = None) -> DrugDrivenPatients:
    days = np.asarray(dlt, dtype=np.float64)
    flat = days.shape[:2]
    return DrugDrivenPatients(
        days,
        np.full((*days.shape, 3), np.inf) if ocular is None else ocular,
        np.zeros(days.shape, dtype=bool),
        np.ones(flat),
        np.ones(flat),
        np.zeros(flat),
    )


def test_a_dlt_after_the_window_is_missed() -> None:
    """Everybody has a DLT on day 30: seen in 42 days, where the trial ends at level 1; missed in 21, where it goes
    up."""
    people = carriers(np.full((1, 30, 3), 30.0))
    short = simulate(ThreePlusThree(3), Scenario(tuple(people.rate(21)), window=21), people)
    long = simulate(ThreePlusThree(3), Scenario(tuple(people.rate(42)), window=42), people)
    assert short.mtd[0] == 2 and short.toxic.sum() == 0 and (short.later == short.treated).all()
    assert long.mtd[0] == -1 and long.toxic[0].tolist() == [3, 0, 0] and long.later.sum() == 0


def test_an_ocular_event_of_grade_2_ends_titration() -> None:
    never = np.full((1, 40, 3), np.inf)
    second = lambda day: np.stack([np.full(never.shape, 5.0), np.full(never.shape, day), never], axis=-1)  # of grade 2
    design = Titration(ThreePlusThree(3), last_titration_level=3)
    quiet = simulate(design, Scenario((0.0,) * 3, window=21), carriers(never))
    events = simulate(design, Scenario((0.0,) * 3, window=21), carriers(never, second(10.0)))
    after = simulate(design, Scenario((0.0,) * 3, window=21), carriers(never, second(22.0)))
    assert events.treated[0, 0] == 3 and quiet.treated[0, 0] == 1
    assert (after.treated == quiet.treated).all()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"ocular": np.zeros((1, 2, 3))}, "ocular has the shape"),
        ({"dlt": np.full((1, 2, 3), -1.0)}, "trial 1, patient 1, level 1: the day of dlt"),
        ({"ocular": np.full((1, 2, 3, 3), np.nan)}, "trial 1, patient 1, level 1: the day of ocular"),
        ({"dlt": np.zeros((1, 2))}, "must be"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], wrong: str) -> None:
    good = vars(carriers(np.full((1, 2, 3), np.inf)))
    with pytest.raises(ValueError, match=wrong):
        DrugDrivenPatients(**{**good, **change})


def test_bad_draws_are_refused() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="there must be one of each"):
        draw_patients(rng, 0, 5, by("total body weight"))
    with pytest.raises(ValueError, match=r"must be \(5, levels\)"):
        draw_patients(rng, 1, 5, lambda people: people.weight_kg)
    with pytest.raises(ValueError, match="linear loss"):
        draw_patients(rng, 1, 5, by("total body weight"), compound=IMGN853_SATURABLE)


def test_two_exponentials_stand_for_the_chain() -> None:
    """The area by the integral of the whole chain; within 7 % of its course to day 14."""
    plasma = Plasma.of(IMGN853)
    two = two_compartment_equivalent(plasma)
    assert two.area[0] == pytest.approx(plasma.areas([400.0], Doses(0, 1.0)).adc[0, 0], rel=1e-6)
    days = np.array([1.0, 3, 7, 14])
    assert two.at(days, Doses(0, 355.0)).ravel() == pytest.approx(plasma.course(days, Doses(0, 355.0)).adc[0], rel=0.08)


@pytest.fixture(scope="module")
def treated() -> DrugDrivenPatients:
    return draw_patients(np.random.default_rng(853), 100, 30, by("total body weight"))


def test_rates_rise_with_the_dose_and_the_window(treated: DrugDrivenPatients) -> None:
    """For each patient: the fate is the same at all levels."""
    windows = np.array([treated.rate(w) for w in (21, 42, 63, 126, np.inf)])
    assert (np.diff(windows, axis=0) >= 0).all() and (np.diff(windows, axis=1) >= 0).all()
    assert (treated.ocular_rate() <= treated.rate() + 1e-12).all()
    missed = treated.ocular_missed(21)[4:]
    assert ((missed > 0.7) & (missed < 0.95)).all(), "a window of 21 days sees 5 to 30 % of the ocular DLTs"
    assert (treated.ocular[..., 1:] >= treated.ocular[..., :-1]).all(), "worse grades come no earlier"


def test_response_of_much_target_is_that_it_was_calibrated_to() -> None:
    """MIRASOL, 6 mg/kg of adjusted ideal weight, 75 % or more of cells at 2+: 42.3 %; without target none to speak
    of."""
    many, few = (
        replace(OVARIAN, ps2_a=Quantity(a, "1", "assumed", "a test"), ps2_b=Quantity(b, "1", "assumed", "a test"))
        for a, b in ((30, 3), (1, 100))
    )
    rates = [
        draw_patients(
            np.random.default_rng(1), 100, 30, by("adjusted ideal body weight", [6.0]), mix=[(kind, 1.0)]
        ).response.mean()
        for kind in (many, few)
    ]
    assert rates[0] == pytest.approx(0.423, abs=0.05) and rates[1] < 0.2


def test_the_same_seed_gives_the_same_patients() -> None:
    one, two = (draw_patients(np.random.default_rng(5), 3, 7, by("total body weight")) for _ in range(2))
    assert all((getattr(one, name) == getattr(two, name)).all() for name in vars(one))


def test_the_trial_of_2013(treated: DrugDrivenPatients) -> None:
    """V14: at 7 mg/kg of total weight 1 of 5 had a DLT within 21 days (Moore 2017): inside the 95 % prediction."""
    low, high = binom.ppf([0.025, 0.975], 5, treated.rate(21)[6])
    assert low <= 1 <= high
    fewer = draw_patients(np.random.default_rng(853), 100, 30, by("adjusted ideal body weight", [6.0]))
    assert fewer.rate(21)[0] < treated.rate(21)[6]
    assert binom.ppf(0.025, 20, fewer.rate(21)[0]) == 0, "none of 20, at the most, at 6 mg/kg of adjusted ideal weight"


@pytest.mark.slow
@pytest.mark.parametrize("slope", [1, 2, 3])
def test_slopes_agree_where_they_were_calibrated(slope: int) -> None:
    """At 6 mg/kg of adjusted ideal weight the ocular risk is the same whatever the slope, far below it is not."""
    found = [
        draw_patients(
            np.random.default_rng(2),
            300,
            30,
            by("adjusted ideal body weight", [2.0, 6.0]),
            ocular=IMGN853_OCULAR.with_power(g),
        )
        for g in (slope, 2)
    ]
    risk = [np.isfinite(each.ocular[..., 0]).mean(axis=(0, 1)) for each in found]
    assert risk[0][1] == pytest.approx(risk[1][1], abs=0.04)
    assert slope == 2 or (risk[0][0] > risk[1][0]) == (slope < 2)


@pytest.mark.slow
def test_reducing_doses_costs_response_and_spares_no_first_event() -> None:
    held, full = (
        draw_patients(np.random.default_rng(3), 200, 30, by("total body weight", [7.0]), **how)
        for how in ({}, {"rule": as_planned})
    )  # type: ignore[arg-type]
    assert held.response.mean() < full.response.mean()
    assert held.ocular_rate() == pytest.approx(full.ocular_rate(), abs=0.01)


PROTOCOL = str(imgn853.__path__[0]) + "/protocol.yaml"


def test_command() -> None:
    done = CliRunner().invoke(
        app,
        [
            "simulate",
            "designs",
            PROTOCOL,
            "--trials",
            "10",
            "--window",
            "21",
            "--window",
            "63",
            "--design",
            "tite-boin",
            "--json",
        ],
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [(d["design"], d["window"]) for d in told["designs"]] == [
        ("3+3 (protocol)", 21),
        ("tite-boin", 21),
        ("3+3 (protocol)", 63),
        ("tite-boin", 63),
    ]
    for each in told["designs"]:
        assert sum(each["selection"]) + each["no_mtd"] == pytest.approx(1)
    assert told["truth"][6]["DLT within 21 d"] < told["truth"][6]["DLT while treated"]


def test_command_with_steroid_drops() -> None:
    plain, drops = (
        json.loads(CliRunner().invoke(app, ["simulate", "designs", PROTOCOL, "--trials", "30", "--json", *more]).stdout)
        for more in ([], ["--steroid-drops"])
    )
    assert (plain["drops"], drops["drops"]) == (False, True)
    assert drops["truth"][6]["DLT while treated"] < plain["truth"][6]["DLT while treated"]
    assert any("Matulonis" in line for line in drops["assumed"]) and len(drops["assumed"]) == len(plain["assumed"]) + 1


def test_command_on_coin_flips() -> None:
    truth = "0.01,0.02,0.05,0.1,0.2,0.3,0.5"
    done = CliRunner().invoke(
        app, ["simulate", "designs", PROTOCOL, "--patient-model", "rates", "--truth", truth, "--trials", "20"]
    )
    assert done.exit_code == 0 and "DLTs missed" in done.stdout


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--patient-model", "rates"], "--truth goes with"),
        (["--target", "1.5"], "1.5 must be above 0, below 1"),
        (["--window", "0"], "0 must be 1 to 365"),
        (["--body-size", "flat"], "a dose in mg/kg goes by"),
        (["--figure", "x.pdf"], "a figure ends in .png, .svg"),
        (["--design", "boon"], "boon"),
    ],
)
def test_wrong_options_are_refused(options: list[str], wrong: str) -> None:
    done = CliRunner().invoke(app, ["simulate", "designs", PROTOCOL, "--trials", "10", *options])
    assert done.exit_code != 0
    assert wrong in str(done.exception) + done.output
